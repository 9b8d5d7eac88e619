//! What a pass over a store costs beside an iteration in memory on the same rows, in processor time and in
//! wall-clock time, on one thread and on two.
//!
//! ```sh
//! cargo run --release -p cfe-combine --features als,parquet --example passes -- [rows] [columns] [dtype]
//! ```
//!
//! A cost is the difference of two fits of 5 and of 15 iterations, divided by 10, so that starts and ends
//! drop out. The smallest of five is printed. Half of the rows have a label. The processor time is that of
//! all threads, the one that reads included.
#![allow(clippy::print_stdout, reason = "it is a program")]

use std::time::Instant;

use cfe_als::{Als, AlsSpec};
use cfe_core::shards::InMemory;
use cfe_core::synthetic::Separable;
use cfe_core::{Dtype, EnsembleData, Trainer};
use cfe_io::store::{PrepareOptions, Store, StoreEngine, prepare};
use cfe_io::{Column, Sink, write_predictions};
use cpu_time::ProcessTime;

type Failed = Box<dyn std::error::Error>;

/// Processor and wall-clock seconds of a fit.
fn cost(fit: &dyn Fn(&Als) -> Result<(), Failed>, iterations: usize) -> Result<[f64; 2], Failed> {
    let spec = AlsSpec { latent_dim: 8, tolerance: 0.0, max_iterations: iterations, ..AlsSpec::default() };
    let als = Als::try_from(spec)?;
    let (processor, wall) = (ProcessTime::try_now()?, Instant::now());
    fit(&als)?;
    Ok([processor.try_elapsed()?.as_secs_f64(), wall.elapsed().as_secs_f64()])
}

fn written(data: &EnsembleData, folder: &std::path::Path, dtype: Dtype) -> Result<Store, Failed> {
    let table = folder.join("table.parquet");
    let r = data.predictions();
    let rows: Vec<&[f64]> = r.rows().into_iter().filter_map(|row| row.to_slice()).collect();
    let mut columns: Vec<(&str, Column<'_>)> =
        data.classifier_names().iter().map(String::as_str).zip(rows.into_iter().map(Column::Float)).collect();
    columns.push(("label", Column::Label(data.labels())));
    write_predictions(&Sink::new(&table), &columns)?;
    let mut options = PrepareOptions::default();
    options.dtype = dtype;
    Ok(prepare(&[table], &folder.join("store"), &options, &mut |_| true)?.store)
}

/// One way to fit.
type Fit<'a> = &'a (dyn Fn(&Als) -> Result<(), Failed> + Sync);

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, usual: usize| arguments.get(at).map_or(Ok(usual), |text| text.parse());
    let (rows, columns) = (number(0, 2_000_000)?, number(1, 20)?);
    let dtype = if arguments.get(2).is_some_and(|name| name == "f64") { Dtype::F64 } else { Dtype::F32 };
    let drawn = Separable { n_classifiers: columns, n_instances: rows, ..Separable::default() };
    let data = drawn.generate(1)?.data;
    let folder = tempfile::tempdir()?;
    let store = written(&data, folder.path(), dtype)?;
    let in_memory = |als: &Als| -> Result<(), Failed> { Ok(als.fit(&data).map(drop)?) };
    let shards_in_memory =
        |als: &Als| -> Result<(), Failed> { Ok(als.fit_on(&mut InMemory::new(&data)?, &mut ()).map(drop)?) };
    let over_store = |als: &Als| -> Result<(), Failed> {
        Ok(als.fit_on(&mut StoreEngine::new(&store), &mut ()).map(drop)?)
    };
    let ways: [(&str, Fit<'_>); 3] = [
        ("an iteration in memory", &in_memory),
        ("a pass over shards in memory", &shards_in_memory),
        ("a pass over the store", &over_store),
    ];
    println!("{rows} rows x {columns} classifiers, store of {:.0} MB", store.bytes() as f64 / 1e6);
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        let mut least = [[f64::INFINITY; 2]; 3];
        for _ in 0..5 {
            for ((_, fit), least) in ways.iter().zip(&mut least) {
                let [short, long] = [5, 15].map(|iterations| {
                    pool.install(|| cost(*fit, iterations).map_err(|error| error.to_string()))
                });
                for (least, (long, short)) in least.iter_mut().zip(long?.into_iter().zip(short?)) {
                    *least = least.min((long - short) / 10.0);
                }
            }
        }
        for ((name, _), [processor, wall]) in ways.iter().zip(least) {
            println!(
                "{threads} threads, {name}: {processor:.3} s processor ({:.0} ns a row, {:.0}% of the speed in \
                 memory), {wall:.3} s wall ({:.0}%)",
                processor / rows as f64 * 1e9,
                least[0][0] / processor * 100.0,
                least[0][1] / wall * 100.0
            );
        }
    }
    Ok(())
}
