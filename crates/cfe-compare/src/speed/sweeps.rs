//! What `speed suite` shows of the sweeps of ALS: rows, tables and the words below them.

use serde::Deserialize;

use crate::report::number::{fixed, percent, significant};
use crate::report::{Cell, Table};

/// A size of the problem.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub m: u32,
    pub n: u32,
    pub d: u32,
}

/// The size that is compared with peers.
pub(super) const MAIN: Size = Size { m: 50, n: 100_000, d: 20 };
/// Sweeps that are timed.
pub(super) const SWEEPS: u32 = 20;
/// Sweeps after which losses are compared with those of peers.
pub(super) const PEER_SWEEPS: u32 = 5;

/// The numbers of threads that are measured: one, and several where those are asked for.
pub(super) fn thread_counts(threads: usize) -> Vec<usize> {
    if threads == 1 { vec![1] } else { vec![1, threads] }
}

/// One row of the table of sweeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SweepRow {
    pub dtype: &'static str,
    pub threads: usize,
    /// Whether the confidence is read from an array instead of being computed as a formula.
    pub stored: bool,
}

/// Both formats on one thread and on several, then the stored confidence.
pub(super) fn sweep_rows(threads: usize) -> Vec<SweepRow> {
    let of_format = |dtype| {
        thread_counts(threads).into_iter().map(move |threads| SweepRow { dtype, threads, stored: false })
    };
    let stored = SweepRow { dtype: "f64", threads, stored: true };
    ["f64", "f32"].into_iter().flat_map(of_format).chain([stored]).collect()
}

/// What `speed als` prints.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Sweep {
    pub seconds_per_sweep: f64,
    pub gflops: f64,
    pub dgemm_gflops: f64,
    pub loss: f64,
    pub peak_rss_bytes: Option<u64>,
    pub seconds_per_iteration: Option<f64>,
}

/// What a peer prints.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Peer {
    pub peer: String,
    pub seconds: f64,
    pub loss: f64,
}

pub(super) fn sweep_table(measured: &[(SweepRow, Sweep)]) -> Table {
    let header = ["format", "threads", "s a sweep", "Gflop/s", "of the product rate", "overhead", "peak MB"];
    let mut table = Table::new(caption(MAIN), header);
    for (row, sweep) in measured {
        let name = if row.stored { format!("{}, C stored", row.dtype) } else { row.dtype.to_owned() };
        table.push([
            Cell::from(name),
            row.threads.to_string().into(),
            significant(sweep.seconds_per_sweep, 4).into(),
            fixed(sweep.gflops, 1).into(),
            percent(sweep.gflops / sweep.dgemm_gflops, 0).into(),
            overhead(sweep).into(),
            megabytes(sweep.peak_rss_bytes).into(),
        ]);
    }
    table
}

/// Seconds of a sweep with the confidence as a formula.
pub(super) fn seconds_of(measured: &[(SweepRow, Sweep)], dtype: &'static str, threads: usize) -> f64 {
    let wanted = SweepRow { dtype, threads, stored: false };
    let found = measured.iter().find(|(row, _)| *row == wanted);
    found.map(|(_, sweep)| sweep.seconds_per_sweep).expect("every format is measured on these threads")
}

/// What the table of sweeps says about threads and formats.
pub(super) fn sweep_text(measured: &[(SweepRow, Sweep)], threads: usize) -> String {
    let ratio = |a: (&'static str, usize), b: (&'static str, usize)| {
        fixed(seconds_of(measured, a.0, a.1) / seconds_of(measured, b.0, b.1), 2)
    };
    let mut text = String::new();
    // One thread beside itself would say nothing.
    if threads > 1 {
        // Only these rows differ in nothing but their threads, so that their losses must have the same bits.
        let alike = measured.iter().filter(|(row, _)| row.dtype == "f64" && !row.stored);
        let losses: Vec<f64> = alike.map(|(_, sweep)| sweep.loss).collect();
        let same = if losses.windows(2).all(|pair| pair[0] == pair[1]) { "the same" } else { "ANOTHER" };
        text += &format!(
            "{threads} threads are {} times as fast as one in f64, with {same} loss to the last bit, and {} times in f32. ",
            ratio(("f64", 1), ("f64", threads)),
            ratio(("f32", 1), ("f32", threads)),
        );
    }
    let unit = if threads == 1 { "thread" } else { "threads" };
    text + &format!(
        "f32 is {} times as fast as f64 on {threads} {unit}. Overhead is what loss and aggregator add to a sweep in an \
         iteration of the trainer; the confidence is part of the sweep. Peak is the high-water mark of the whole process \
         (VmHWM), with the program and its libraries; R and Y take {} MB in f64.",
        ratio(("f64", threads), ("f32", threads)),
        (MAIN.m + MAIN.d) * MAIN.n * 8 / 1_000_000,
    )
}

/// Peers beside our sweep in f64, of `ours` seconds.
pub(super) fn peer_table(peers: &[Peer], ours: f64, loss: f64) -> Table {
    let header = ["implementation", "s a sweep", "times ours", "loss"];
    let mut table = Table::new(format!("The same arrays after {PEER_SWEEPS} sweeps, all cores"), header);
    let row = |name: &str, seconds: f64, loss: f64| {
        let times = fixed(seconds / ours, 1);
        [name.into(), significant(seconds, 4).into(), times.into(), fixed(loss, 0).into()]
    };
    table.push(row("ours, f64", ours, loss));
    peers.iter().for_each(|peer| table.push(row(&peer.peer, peer.seconds, peer.loss)));
    table
}

pub(super) fn caption(size: Size) -> String {
    format!("{} x {}, d = {}", size.m, size.n, size.d)
}

pub(super) fn overhead(sweep: &Sweep) -> String {
    let whole = sweep.seconds_per_iteration;
    whole.map_or_else(String::new, |whole| percent(whole / sweep.seconds_per_sweep - 1.0, 0))
}

pub(super) fn megabytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "unknown".to_owned(), |bytes| fixed(bytes as f64 / 1e6, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Document, Section, markdown};

    fn shown(table: Table) -> String {
        markdown::write(&Document { sections: vec![Section::new("t").table(table)], ..Document::default() })
    }

    fn sweep(seconds: f64, loss: f64) -> Sweep {
        Sweep {
            seconds_per_sweep: seconds,
            gflops: 10.0,
            dgemm_gflops: 40.0,
            loss,
            peak_rss_bytes: Some(123_400_000),
            seconds_per_iteration: Some(1.25 * seconds),
        }
    }

    /// Seconds 8 and 4 in f64, 3 and 2 in f32; twice the threads are measured.
    fn measured(threads: usize, losses: [f64; 2]) -> Vec<(SweepRow, Sweep)> {
        let seconds = |row: &SweepRow| match (row.dtype, row.threads) {
            ("f64", 1) => sweep(8.0, losses[0]),
            ("f64", _) => sweep(4.0, losses[1]),
            (_, 1) => sweep(3.0, 7.5),
            _ => sweep(2.0, 7.25),
        };
        sweep_rows(threads).into_iter().map(|row| (row, seconds(&row))).collect()
    }

    #[test]
    fn at_one_thread_nothing_is_measured_twice() {
        assert_eq!(thread_counts(1), [1]);
        assert_eq!(thread_counts(4), [1, 4]);
        for (threads, rows) in [(1, 3), (2, 5)] {
            let found = sweep_rows(threads);
            assert_eq!(found.len(), rows);
            for (k, row) in found.iter().enumerate() {
                assert!(!found[..k].contains(row), "{row:?} twice at {threads} threads");
            }
            assert_eq!(found.last(), Some(&SweepRow { dtype: "f64", threads, stored: true }));
        }
    }

    #[test]
    fn ratios_are_those_of_the_rows_they_name() {
        let text = sweep_text(&measured(2, [7.0, 7.0]), 2);
        assert!(
            text.starts_with(
                "2 threads are 2.00 times as fast as one in f64, with the same loss to the last bit, and 1.50 times in f32. f32 \
                 is 2.00 times as fast as f64 on 2 threads."
            ),
            "{text}"
        );
        assert!(text.ends_with("R and Y take 56 MB in f64."), "(50 + 20) x 100,000 x 8 bytes: {text}");
        assert!(sweep_text(&measured(2, [7.0, 7.5]), 2).contains("with ANOTHER loss"));
        let alone = sweep_text(&measured(1, [7.0, 7.0]), 1);
        assert!(alone.starts_with("f32 is 2.67 times as fast as f64 on 1 thread."), "8 / 3: {alone}");
    }

    #[test]
    fn a_row_shows_its_share_of_the_product_rate_and_what_an_iteration_adds() {
        let text = shown(sweep_table(&measured(2, [7.0, 7.0])));
        assert!(text.contains("| f64 | 1 | 8.000 | 10.0 | 25% | 25% | 123 |"), "{text}");
        assert!(text.contains("| f64, C stored | 2 | 4.000 |"), "{text}");
        assert!(text.contains("50 x 100000, d = 20"), "{text}");
        let unknown = Sweep { peak_rss_bytes: None, seconds_per_iteration: None, ..sweep(1.0, 0.0) };
        assert_eq!(
            (overhead(&unknown).as_str(), megabytes(unknown.peak_rss_bytes).as_str()),
            ("", "unknown")
        );
    }

    #[test]
    fn peers_are_compared_with_our_sweep_after_as_many_sweeps() {
        let peer = Peer { peer: "cmfrec".to_owned(), seconds: 10.0, loss: 1234.4 };
        let text = shown(peer_table(&[peer], seconds_of(&measured(2, [7.0, 7.0]), "f64", 2), 1200.0));
        assert!(text.contains(&format!("The same arrays after {PEER_SWEEPS} sweeps, all cores")), "{text}");
        assert!(text.contains("| ours, f64 | 4.000 | 1.0 | 1200 |"), "{text}");
        assert!(text.contains("| cmfrec | 10.00 | 2.5 | 1234 |"), "{text}");
    }

    #[test]
    fn what_the_processes_print_is_read() {
        let line = r#"{"seconds_per_sweep":0.5,"gflops":1,"dgemm_gflops":2,"loss":3,"peak_rss_bytes":null,"seconds_per_iteration":null,"threads":1}"#;
        let sweep: Sweep = serde_json::from_str(line).expect("a line of `speed als`");
        assert_eq!((sweep.seconds_per_sweep, sweep.loss, sweep.peak_rss_bytes), (0.5, 3.0, None));
        assert!(
            serde_json::from_str::<Peer>(r#"{"peer":"numpy","seconds":1}"#).is_err(),
            "a loss is missing"
        );
    }
}
