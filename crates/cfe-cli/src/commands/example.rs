//! `cfe example`.

use std::fs;

use std::path::Path;

use cfe_core::synthetic::Correlated;
use cfe_io::{AtomicFile, Column, Sink, WriteError, write_predictions};

use crate::args::Example;
use crate::error::{CliError, CliResult};
use crate::terminal::Terminal;

/// 731 rows, 16 classifiers, 42 positives.
const TABLE: &[u8] = include_bytes!("example/abalone.csv.gz");
const NAME: &str = "abalone.csv.gz";
const ORIGIN: &str = include_str!("example/README.md");

pub(crate) fn run(args: &Example, terminal: &Terminal) -> CliResult<()> {
    let folder = &args.folder;
    fs::create_dir_all(folder)
        .map_err(|source| WriteError::Unwritable { path: folder.display().to_string(), source })?;
    // With --rows a table of that size is drawn, for measurements; without, the real one is written.
    if let Some(rows) = args.rows {
        return synthetic(rows, &folder.join("synthetic.csv"), terminal);
    }
    AtomicFile::write(folder.join(NAME), TABLE)?;
    AtomicFile::write(folder.join("README.md"), ORIGIN.as_bytes())?;
    let table = folder.join(NAME);
    terminal.note(&format!("Wrote {}. Try:", table.display()));
    terminal.note(&format!("  cfe fit {} --split-column split --format table", table.display()));
    Ok(())
}

/// A drawn table, half of it for training, with 6 decimals as programs write them.
fn synthetic(rows: usize, path: &Path, terminal: &Terminal) -> CliResult<()> {
    let kind = Correlated {
        n_classifiers: 20,
        n_instances: rows,
        prevalence: 0.03,
        missing_share: 0.0,
        ..Correlated::default()
    };
    // Seed 1 for everybody, so that a table of a size is the same file wherever it is drawn.
    let drawn = kind.generate(1).map_err(|e| CliError::usage(format!("--rows {rows}: {e}")))?;
    let ids: Vec<String> = (0..rows).map(|i| i.to_string()).collect();
    let train = |label: &Option<bool>| if label.is_some() { "train" } else { "test" }.to_owned();
    let split: Vec<String> = drawn.data.labels().iter().map(train).collect();
    let truth: Vec<Option<bool>> = drawn.truth.iter().map(|&y| Some(y)).collect();
    let rounded = drawn.data.predictions().mapv(|p| (p * 1e6).round() / 1e6);
    let mut columns = vec![
        ("instance_id", Column::Text(&ids)),
        ("split", Column::Text(&split)),
        ("label", Column::Label(&truth)),
    ];
    for (name, row) in drawn.data.classifier_names().iter().zip(rounded.rows()) {
        columns.push((
            name.as_str(),
            Column::Float(row.to_slice().expect("a row of a freshly mapped matrix is contiguous")),
        ));
    }
    write_predictions(&Sink::new(path), &columns)?;
    terminal.note(&format!("Wrote {}.", path.display()));
    Ok(())
}
