//! `cfe prepare`.

use std::time::Instant;

use cfe_core::Dtype;
use cfe_io::store::{PrepareOptions, prepare};
use cfe_io::{Labels, TableWarning};

use crate::args::{Prepare, StoreDtype};
use crate::error::CliResult;
use crate::outputs;
use crate::terminal::Terminal;
use crate::threads::on_threads;
use cfe_combine::FitError;
use cfe_combine::pipeline::Watch as _;

pub(crate) fn run(args: &Prepare, terminal: &Terminal) -> CliResult<()> {
    let mut options = PrepareOptions::default();
    options.table = args.training.options().table_options(&args.columns.options())?;
    // A store of rows that are only predicted has no labels.
    options.table.labels = Labels::IfPresent;
    options.dtype = match args.dtype {
        StoreDtype::F32 => Dtype::F32,
        StoreDtype::F64 => Dtype::F64,
    };
    on_threads(args.threads, || {
        let begin = Instant::now();
        let prepared = terminal.during("Preparing", || {
            prepare(&args.tables, &args.store, &options, &mut |_| !terminal.stop_asked())
        });
        let prepared = prepared.map_err(FitError::from)?;
        terminal.took("preparing", begin);
        terminal.note(&prepared.taken.to_string());
        prepared.warnings.iter().map(TableWarning::to_string).for_each(|w| terminal.warn(&w));
        let (store, counts) = (&prepared.store, prepared.store.counts());
        outputs::print_page(&format!(
            "{}: {} rows, {} classifiers, {} of up to {} rows in {}, {:.2} GB\n\
             labels to learn from: {} positive, {} negative; held out: {} positive, {} negative\n",
            store.folder().display(),
            store.shape().rows,
            store.shape().n_classifiers(),
            shards(store.shape().shards()),
            store.shape().shard_rows,
            store.dtype(),
            store.bytes() as f64 / 1e9,
            counts.positives,
            counts.negatives,
            counts.held_out_positives,
            counts.held_out_negatives,
        ))
    })
}

fn shards(count: u64) -> String {
    if count == 1 { "1 shard".to_owned() } else { format!("{count} shards") }
}
