//! How fast a CSV is read: `cargo run --release -p cfe-io --features parquet --example read_speed [rows]
//! [columns]`.

use std::io::{BufWriter, Write};
use std::time::Instant;

use cfe_io::{Source, TableOptions, read_table};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<usize>());
    let rows = arguments.next().transpose()?.unwrap_or(1_000_000);
    let columns = arguments.next().transpose()?.unwrap_or(20);
    let dir = tempfile::tempdir()?;
    let mut out = std::io::stdout().lock();
    for quoted in [false, true] {
        let path = dir.path().join("table.csv");
        let mut file = BufWriter::new(std::fs::File::create(&path)?);
        write!(file, "instance_id,split,label")?;
        (0..columns).try_for_each(|u| write!(file, ",clf_{u}"))?;
        writeln!(file)?;
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let quote = if quoted { "\"" } else { "" };
        for i in 0..rows {
            write!(file, "{quote}{i}{quote},{quote}train{quote},{}", u8::from(rng.random::<f64>() < 0.03))?;
            (0..columns).try_for_each(|_| write!(file, ",{:.6}", rng.random::<f64>()))?;
            writeln!(file)?;
        }
        file.flush()?;
        let bytes = std::fs::metadata(&path)?.len() as f64;
        let mut options = TableOptions::default();
        options.split_column = Some("split".to_owned());
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            let start = Instant::now();
            let table = read_table(Source::new(&path), &options)?;
            best = best.min(start.elapsed().as_secs_f64());
            assert_eq!(table.data.n_instances(), rows);
        }
        writeln!(
            out,
            "{rows} x {columns}, {} ids: {:.0} MB in {best:.3} s, {:.0} MB/s on {} threads",
            if quoted { "quoted" } else { "plain" },
            bytes / 1e6,
            bytes / 1e6 / best,
            rayon::current_num_threads()
        )?;
    }
    Ok(())
}
