//! What the train rows said about the combined prediction against its simple rivals, and what came true on
//! the test rows.
//!
//! ```sh
//! cargo run --release -p cfe-combine --example chances -- tables/selection tables/confirmation
//! ```
//!
//! A folder holds `<data set>/seed<k>.csv.gz` with a column `split`. z is the cross-validated gain in average
//! precision over its standard error. A logistic regression of "ranks the test rows better" on z, over all
//! tables, makes a probability of it; the reliability table uses regressions without the data set itself.
#![allow(clippy::print_stdout, reason = "it is a program")]

use std::path::{Path, PathBuf};

use cfe_combine::judge::{MethodMetrics, Part};
use cfe_combine::{FitOptions, fit};
use cfe_core::calibration::{CalibrationMethod, Calibrator};
use cfe_io::{Source, TableOptions, read_table};

type Failed = Box<dyn std::error::Error>;

/// One rival on one table.
struct Case {
    data_set: String,
    z: f64,
    came_true: bool,
}

fn z_of(method: &MethodMetrics) -> Option<f64> {
    let gain = method.combined_is_better_by?;
    // As far as the library believes a gain.
    let z = if gain.standard_error > 0.0 { gain.estimate / gain.standard_error } else { 0.0 };
    Some(z.clamp(-4.0, 4.0))
}

/// The tables of a folder with the names of their data sets, in order.
fn tables(folder: &Path) -> Result<Vec<(String, PathBuf)>, Failed> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let data_set = entry?.path();
        if !data_set.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&data_set)? {
            let name = data_set.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.push((name, file?.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// The cases of the plain mean and of the best simple rival.
fn cases(data_set: &str, path: &Path) -> Result<Option<[Case; 2]>, Failed> {
    let mut options = TableOptions::default();
    options.split_column = Some("split".to_owned());
    let table = read_table(Source::new(path), &options)?;
    let parts = fit(&table, &FitOptions::default())?.metrics(&table)?;
    let [train, test] = parts.as_slice() else { return Ok(None) };
    let rivals = &train.methods[1..];
    let precision = |m: &MethodMetrics| m.metrics.average_precision.unwrap_or(0.0);
    let Some(best) = rivals.iter().max_by(|a, b| precision(a).total_cmp(&precision(b))) else {
        return Ok(None);
    };
    let Some(mean) = rivals.iter().find(|m| m.name == "mean") else { return Ok(None) };
    let gain = |part: &Part, name: &str| {
        let rival = part.methods.iter().find(|m| m.name == name);
        rival.and_then(|m| m.combined_is_better_by).map_or(0.0, |gain| gain.estimate)
    };
    let case = |rival: &MethodMetrics| Case {
        data_set: data_set.to_owned(),
        z: z_of(rival).unwrap_or(0.0),
        came_true: gain(test, &rival.name) > 0.0,
    };
    let cases = [case(mean), case(best)];
    println!(
        "{data_set} {} positives {} mean z {:+.2} {} best {} z {:+.2} {}",
        path.file_name().unwrap_or_default().to_string_lossy(),
        train.positives,
        cases[0].z,
        cases[0].came_true,
        best.name,
        cases[1].z,
        cases[1].came_true
    );
    Ok(Some(cases))
}

fn fitted<'a>(cases: impl Iterator<Item = &'a Case>) -> Result<Calibrator, Failed> {
    let (z, y): (Vec<f64>, Vec<bool>) = cases.map(|case| (case.z, case.came_true)).unzip();
    Ok(Calibrator::fit(CalibrationMethod::Platt, &z, &y, None)?)
}

/// Reliability of the probabilities, each by a regression without its data set, and the regression on all.
fn show(name: &str, cases: &[Case]) -> Result<(), Failed> {
    println!(
        "\n{name}: {:?}\n\n| said | tables | mean said | came true |\n|---|---|---|---|",
        fitted(cases.iter())?
    );
    let mut said = Vec::new();
    for case in cases {
        let without = fitted(cases.iter().filter(|other| other.data_set != case.data_set))?;
        said.push((without.apply(case.z), case.came_true));
    }
    for (low, high) in [(0.0, 0.5), (0.5, 0.7), (0.7, 0.85), (0.85, 0.95), (0.95, 1.01)] {
        let group: Vec<_> = said.iter().filter(|(p, _)| (low..high).contains(p)).collect();
        if group.is_empty() {
            continue;
        }
        let n = group.len() as f64;
        let (mean, true_share) = (
            group.iter().map(|(p, _)| p).sum::<f64>() / n,
            group.iter().filter(|(_, y)| *y).count() as f64 / n,
        );
        println!("| {low} to {high:.2} | {n} | {mean:.2} | {true_share:.2} |");
    }
    let loss = |p: f64, y: bool| -(if y { p } else { 1.0 - p }).ln();
    let share = said.iter().filter(|(_, y)| *y).count() as f64 / said.len() as f64;
    println!(
        "\nlog loss {:.3}, of the share {share:.2} for all {:.3}",
        said.iter().map(|&(p, y)| loss(p, y)).sum::<f64>() / said.len() as f64,
        said.iter().map(|&(_, y)| loss(share, y)).sum::<f64>() / said.len() as f64
    );
    Ok(())
}

fn main() -> Result<(), Failed> {
    let (mut mean, mut best) = (Vec::new(), Vec::new());
    for folder in std::env::args().skip(1) {
        for (data_set, path) in tables(Path::new(&folder))? {
            if let Some([of_mean, of_best]) = cases(&data_set, &path)? {
                mean.push(of_mean);
                best.push(of_best);
            }
        }
    }
    show("better than the plain mean", &mean)?;
    show("better than the best simple rival", &best)
}
