//! `cfe-compare speed suite`: every measurement, each in a process of its own, beside the peers that are
//! installed.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cf_ensemble::io::AtomicFile;
use serde_json::Value;

use super::combiner::CombinerReport;
use super::data::{SpeedData, write_data};
use super::sweeps::{
    MAIN, PEER_SWEEPS, Peer, SWEEPS, Size, Sweep, SweepRow, caption, megabytes, overhead, peer_table,
    seconds_of, sweep_rows, sweep_table, sweep_text, thread_counts,
};
use crate::error::Error;
use crate::report::number::{fixed, percent, seconds, significant};
use crate::report::{Cell, Document, Section, Table, markdown, terminal};
use crate::threads;

/// The peers' program.
const PEERS: &str = include_str!("../../peers/peers.py");

/// Columns of a line of a page.
const PAGE_WIDTH: usize = 110;
/// Lines between which [`Suite::update`] puts the tables.
const BEGIN: &str = "<!-- cfe-compare speed suite: begin -->";
const END: &str = "<!-- cfe-compare speed suite: end -->";

/// Room that the tables are sure to need, in bytes.
const ROOM: u64 = 1 << 12;

/// What is run.
#[derive(Debug, Clone, PartialEq, clap::Args)]
pub struct Suite {
    /// A Python with numpy, cmfrec and torch, or some of them; without it, no peer is run.
    #[arg(long, value_name = "PYTHON")]
    pub python: Option<PathBuf>,
    /// Folder for the arrays, several hundred MB; one for this run if none is given.
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Put the tables into this file, between the lines made for them.
    #[arg(long, value_name = "FILE")]
    pub update: Option<PathBuf>,
    /// Also n = 5,000,000 (m = 20, d = 8): 1 GB more.
    #[arg(long)]
    pub large: bool,
    /// Threads of the rows that use several; 0 is all cores.
    #[arg(long, default_value_t = 2)]
    pub threads: usize,
}

/// Others: m < d, and many instances.
const OTHERS: [Size; 3] =
    [Size { m: 10, n: 100_000, d: 15 }, Size { m: 16, n: 100_000, d: 40 }, Size { m: 20, n: 500_000, d: 8 }];
const LARGE: Size = Size { m: 20, n: 5_000_000, d: 8 };
/// Labeled instances, classifiers, and instances of the recommended combiner.
const COMBINED: [(u32, u32, u32); 5] =
    [(4000, 16, 8000), (24_000, 16, 48_000), (1000, 186, 2000), (5000, 2000, 10_000), (4000, 20, 1_000_000)];
/// Sizes of joint training, with epochs.
const EPOCHS: [(Size, u32); 3] = [
    (Size { m: 10, n: 500, d: 15 }, 1000),
    (Size { m: 50, n: 20_000, d: 20 }, 40),
    (Size { m: 20, n: 100_000, d: 8 }, 20),
];

impl Suite {
    /// Measures everything; `progress` hears of each step.
    ///
    /// # Errors
    /// A folder that cannot be written to, a measurement that fails.
    pub fn run(&self, progress: impl FnMut(&str)) -> Result<Document, Error> {
        // The figures name the number of threads, so that 0 is resolved first.
        Self { threads: threads::count(self.threads)?, ..self.clone() }.measure(progress)
    }

    fn measure(&self, mut progress: impl FnMut(&str)) -> Result<Document, Error> {
        // The temporary folder removes itself, so that it must live as long as the arrays in it.
        let own;
        let folder = match &self.folder {
            Some(folder) => folder.as_path(),
            None => {
                own = tempfile::tempdir()
                    .map_err(|source| Error::Unwritable { path: std::env::temp_dir(), source })?;
                own.path()
            }
        };
        // One after the other, since measurements side by side would slow each other down.
        let mut sections = vec![self.sweeps(folder, &mut progress)?, self.sizes(folder, &mut progress)?];
        sections.push(self.combiner(folder, &mut progress)?);
        if cfg!(feature = "torch") {
            sections.push(self.epochs(folder, &mut progress)?);
        }
        Ok(Document { title: "Speed".to_owned(), answers: Vec::new(), sections })
    }

    /// Checks before the work that the file of `--update` has a place for the tables and can be written.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn check_update(&self) -> Result<(), Error> {
        let Some(path) = &self.update else { return Ok(()) };
        around_the_tables(path)?;
        Ok(AtomicFile::check_room(path, ROOM)?)
    }

    /// Replaces the tables in the file of `--update`, whole or not at all.
    ///
    /// # Errors
    /// A file that cannot be read or written, or has no place for them.
    pub fn update(&self, document: &Document) -> Result<(), Error> {
        let Some(path) = &self.update else { return Ok(()) };
        let (head, tail) = around_the_tables(path)?;
        let text = markdown::write(document);
        // Sections of a page, below its own headings; the title is the page's.
        let sections = text.split_once("\n## ").map_or("", |(_, rest)| rest).replace("\n## ", "\n### ");
        // Paragraphs in lines that the rest of a page has; rows of tables stay lines.
        let lines = sections.trim().lines().map(|line| match line.starts_with('|') || line.is_empty() {
            true => format!("{line}\n"),
            false => terminal::wrap(line, PAGE_WIDTH, "", ""),
        });
        let new = format!("{head}{BEGIN}\n\n### {}\n{END}{tail}", lines.collect::<String>());
        AtomicFile::write(path, new.as_bytes()).map_err(Error::Write)
    }

    /// The main size beside the peers.
    fn sweeps(&self, folder: &Path, progress: &mut impl FnMut(&str)) -> Result<Section, Error> {
        let folder = folder.join("main");
        progress("sweeps of ALS");
        write(&folder, MAIN, true)?;
        // Losses are compared after as many sweeps as the peers make, and times after more of them.
        let reference = als(&folder, MAIN, PEER_SWEEPS, self.threads, "f64", false)?;
        let measured = sweep_rows(self.threads)
            .into_iter()
            .map(|row| Ok((row, als(&folder, MAIN, SWEEPS, row.threads, row.dtype, row.stored)?)))
            .collect::<Result<Vec<(SweepRow, Sweep)>, Error>>()?;
        let section = Section::new("A sweep of ALS")
            .table(sweep_table(&measured))
            .text(sweep_text(&measured, self.threads));
        let peers = self.peers("als", &folder, MAIN, &["--sweeps", &PEER_SWEEPS.to_string()], progress)?;
        if peers.is_empty() {
            return Ok(section);
        }
        // The row in f64 with several threads and the confidence as a formula.
        let ours = seconds_of(&measured, "f64", self.threads);
        Ok(section.table(peer_table(&peers, ours, reference.loss)).text(
            "Every implementation starts from its own random factors. cmfrec makes one sweep more, as the time of its first \
             sweep, with what is done once, is left out.",
        ))
    }

    fn sizes(&self, folder: &Path, progress: &mut impl FnMut(&str)) -> Result<Section, Error> {
        let header = [
            "m x n, d",
            "s a sweep",
            "ns an instance",
            "Gflop/s",
            "of the product rate",
            "overhead",
            "peak MB",
            "R + Y, MB",
        ];
        let mut table = Table::new(format!("f64, {} threads", self.threads), header);
        for size in OTHERS.into_iter().chain(self.large.then_some(LARGE)) {
            let folder = folder.join(format!("{}x{}", size.m, size.n));
            progress(&caption(size));
            // Without C: the confidence is computed as a formula, and the array would be as large as R.
            write(&folder, size, false)?;
            let sweep = als(&folder, size, 10, self.threads, "f64", false)?;
            // The arrays go before those of the next size come, so that the disk holds one size at a time.
            let _ = std::fs::remove_dir_all(&folder);
            table.push([
                Cell::from(caption(size)),
                significant(sweep.seconds_per_sweep, 4).into(),
                fixed(sweep.seconds_per_sweep * 1e9 / f64::from(size.n), 1).into(),
                fixed(sweep.gflops, 1).into(),
                percent(sweep.gflops / sweep.dgemm_gflops, 0).into(),
                overhead(&sweep).into(),
                megabytes(sweep.peak_rss_bytes).into(),
                fixed(f64::from(size.m + size.d) * f64::from(size.n) * 8.0 / 1e6, 0).into(),
            ]);
        }
        Ok(Section::new("Other sizes").table(table))
    }

    /// The recommended combiner on tables of several widths.
    fn combiner(&self, folder: &Path, progress: &mut impl FnMut(&str)) -> Result<Section, Error> {
        let header = [
            "labeled x classifiers",
            "fit, s",
            "processor s",
            "predicted rows",
            "predict, s",
            "processor s of it",
            "MB announced",
            "peak MB",
        ];
        let mut table = Table::new(format!("{} threads", self.threads), header);
        for (labeled, m, n) in COMBINED {
            let name = format!("{labeled} x {m}");
            progress(&format!("the combiner on {name}"));
            let folder = folder.join(format!("combiner{m}x{n}"));
            write(&folder, Size { m, n, d: 1 }, false)?;
            let [labeled, threads] = [labeled.to_string(), self.threads.to_string()];
            let value = ours("combiner", &folder, &["--labeled", &labeled, "--threads", &threads])?;
            let report: CombinerReport = serde_json::from_value(value)
                .map_err(|error| Error::Peer { line: "speed combiner".to_owned(), why: error.to_string() })?;
            // The arrays go before those of the next size come, so that the disk holds one size at a time.
            let _ = std::fs::remove_dir_all(&folder);
            let seconds = |seconds: f64| fixed(seconds, 2);
            let processor = |seconds: Option<f64>| seconds.map_or_else(String::new, |s| fixed(s, 2));
            table.push([
                Cell::from(name),
                seconds(report.fit_seconds).into(),
                processor(report.fit_processor_seconds).into(),
                n.to_string().into(),
                seconds(report.predict_seconds).into(),
                processor(report.predict_processor_seconds).into(),
                megabytes(Some(report.announced_bytes)).into(),
                megabytes(report.peak_rss_bytes).into(),
            ]);
        }
        Ok(Section::new("The recommended combiner").table(table))
    }

    fn epochs(&self, folder: &Path, progress: &mut impl FnMut(&str)) -> Result<Section, Error> {
        let header = ["m x n, d", "threads", "ours", "PyTorch, eager", "ours of it"];
        let mut table = Table::new("Seconds an epoch: loss, gradient, step of Adam, f32 on the CPU", header);
        for (size, epochs) in EPOCHS {
            let folder = folder.join(format!("epochs{}", size.n));
            write(&folder, size, true)?;
            for threads in thread_counts(self.threads) {
                progress(&format!("epochs at {}, {threads} threads", caption(size)));
                let [epochs, threads] = [epochs.to_string(), threads.to_string()];
                let latent_dim = size.d.to_string();
                let more = ["--latent-dim", &latent_dim, "--epochs", &epochs, "--threads", &threads];
                let ours = ours("torch", &folder, &more)?;
                let ours = ours.get("seconds_per_epoch").and_then(Value::as_f64).unwrap_or(f64::NAN);
                let more = ["--epochs", &epochs, "--threads", &threads];
                let peer =
                    self.peers("torch", &folder, size, &more, progress)?.first().map(|peer| peer.seconds);
                table.push([
                    Cell::from(caption(size)),
                    threads.as_str().into(),
                    seconds(ours).into(),
                    peer.map_or_else(|| "not run".to_owned(), seconds).into(),
                    peer.map_or_else(String::new, |peer| percent(ours / peer, 0)).into(),
                ]);
            }
            let _ = std::fs::remove_dir_all(&folder);
        }
        Ok(Section::new("An epoch of joint training").table(table))
    }

    /// The peers' lines; none without a Python.
    fn peers(
        &self,
        what: &str,
        folder: &Path,
        size: Size,
        more: &[&str],
        progress: &mut impl FnMut(&str),
    ) -> Result<Vec<Peer>, Error> {
        let Some(python) = &self.python else { return Ok(Vec::new()) };
        progress(&format!("peers: {what}"));
        let script = folder.join("peers.py");
        std::fs::write(&script, PEERS)
            .map_err(|source| Error::Unwritable { path: script.clone(), source })?;
        let latent_dim = size.d.to_string();
        let mut command = Command::new(python);
        command.arg(&script).arg(what).arg(folder).args(["--latent-dim", &latent_dim]).args(more);
        let text = output(&mut command)?;
        text.lines().map(|line| serde_json::from_str(line).map_err(|error| failed(&command, error))).collect()
    }
}

/// What stands before and after the tables of a page.
fn around_the_tables(path: &Path) -> Result<(String, String), Error> {
    let page = std::fs::read_to_string(path)
        .map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
    let parts = page.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) =
        parts.ok_or_else(|| Error::NoPlace { path: path.to_owned(), begin: BEGIN, end: END })?;
    Ok((head.to_owned(), tail.to_owned()))
}

fn write(folder: &Path, size: Size, confidence: bool) -> Result<(), Error> {
    write_data(&SpeedData {
        folder: folder.to_owned(),
        classifiers: size.m,
        instances: size.n,
        no_confidence: !confidence,
        seed: 7,
    })
}

fn als(
    folder: &Path,
    size: Size,
    sweeps: u32,
    threads: usize,
    dtype: &str,
    stored: bool,
) -> Result<Sweep, Error> {
    let [latent_dim, sweeps, threads] = [size.d.to_string(), sweeps.to_string(), threads.to_string()];
    let confidence = folder.join("C.npy");
    let options = ["--latent-dim", &latent_dim, "--sweeps", &sweeps, "--threads", &threads, "--dtype", dtype];
    let mut more: Vec<&OsStr> = options.map(OsStr::new).to_vec();
    if stored {
        more.extend([OsStr::new("--confidence"), confidence.as_os_str()]);
    }
    let value = ours("als", folder, &more)?;
    serde_json::from_value(value)
        .map_err(|error| Error::Peer { line: "speed als".to_owned(), why: error.to_string() })
}

/// This program, in a process of its own: the high-water mark of memory is then that of one measurement.
fn ours(what: &str, folder: &Path, more: &[impl AsRef<OsStr>]) -> Result<Value, Error> {
    let program = std::env::current_exe().unwrap_or_else(|_| OsString::from("cfe-compare").into());
    let mut command = Command::new(program);
    command.args(["speed", what, "--predictions"]).arg(folder.join("R.npy"));
    command.arg("--labels").arg(folder.join("labels.npy")).args(more);
    let text = output(&mut command)?;
    serde_json::from_str(&text).map_err(|error| failed(&command, error))
}

fn output(command: &mut Command) -> Result<String, Error> {
    // What the process says to a person goes through; its stdout is the result.
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| failed(command, error))?;
    if !output.status.success() {
        return Err(failed(command, output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn failed(command: &Command, why: impl std::fmt::Display) -> Error {
    Error::Peer { line: format!("{command:?}"), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(update: PathBuf) -> Suite {
        Suite { python: None, folder: None, update: Some(update), large: false, threads: 2 }
    }

    #[test]
    fn the_tables_go_between_the_lines_and_nowhere_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("page.md");
        let document = Document {
            sections: vec![Section::new("One").text("first"), Section::new("Two").text("second ".repeat(40))],
            ..Document::default()
        };
        std::fs::write(&path, format!("before\n{BEGIN}\nold\n{END}\nafter\n")).expect("written");
        suite(path.clone()).update(&document).expect("updated");
        let new = std::fs::read_to_string(&path).expect("there");
        assert!(new.starts_with("before\n") && new.ends_with("\nafter\n") && !new.contains("old"), "{new}");
        assert!(new.contains("### One") && new.contains("### Two") && new.contains("second"), "{new}");
        assert!(
            new.lines().all(|line| line.len() <= PAGE_WIDTH) && new.contains(&format!("\n\n{END}")),
            "{new}"
        );
        // A page without a place for them is refused before the work, and stays as it is.
        for page in ["no place".to_owned(), format!("{END}\n{BEGIN}\n"), format!("{BEGIN}\n")] {
            std::fs::write(&path, &page).expect("written");
            assert!(matches!(suite(path.clone()).check_update(), Err(Error::NoPlace { .. })), "{page}");
            assert!(matches!(suite(path.clone()).update(&document), Err(Error::NoPlace { .. })));
            assert_eq!(std::fs::read_to_string(&path).expect("there"), page);
        }
        let said = suite(folder.path().join("none.md")).check_update().expect_err("not there").to_string();
        assert!(said.contains("none.md cannot be read"), "{said}");
    }
}
