//! The statistics and the report of an ablation, on outcomes whose answers are known.

mod baseline;
mod document;
mod figure;
mod plan;
mod runner;
mod scenario;
mod summary;

use cf_ensemble::metrics::MetricSummary;
use cf_ensemble::{StopReason, Symptom, WeightStats};

use super::baseline::Baseline;
use super::cell::Outcome;
use super::document::document;
use super::figure::{Figure, Figures};
use super::grid::Grid;
use super::plan::Plan;
use super::summary::{Summary, summarize};
use crate::report::{Block, markdown};

/// Two factors of two levels, and two seeds: eight cells.
const GRID: &str = r#"
title = "Known answers"
question = "Are they found?"
seeds = 2
base = { data = { kind = "separable", n_instances = 100 } }

[[factors]]
name = "class weights"
key = "class_weight"
levels = ["uniform", "balanced"]
by = ["prevalence"]

[[factors]]
name = "prevalence"
key = "data.prevalence"
levels = [0.5, 0.1]

[[heat_maps]]
x = "prevalence"
y = "class weights"
figure = "average_precision"
"#;

fn plan() -> Plan {
    plan_of(GRID)
}

fn plan_of(grid: &str) -> Plan {
    Plan::new(Grid::parse("known", grid).expect("valid"), std::path::Path::new(".")).expect("can be run")
}

/// A cell of this average precision, with these weights.
fn measured(average_precision: f64, weights: &[f64]) -> Outcome {
    let mut metrics = MetricSummary::of_average_precision(average_precision);
    metrics.log_loss = Some(0.3);
    let weights = WeightStats::new(weights);
    Outcome::Figures(Box::new(Figures { metrics, weights, symptoms: Vec::new(), ..figures(true, false) }))
}

/// Average precision is 0.4, 0.2 more with class weights and 0.1 more at a prevalence of 0.5. Weights are
/// twice as large with class weights. Without them the ranking is inverted at a prevalence of 0.1.
fn figures(balanced: bool, rare: bool) -> Figures {
    let average_precision = 0.4 + if balanced { 0.2 } else { 0.0 } + if rare { 0.0 } else { 0.1 };
    let mut metrics = MetricSummary::of_average_precision(average_precision);
    metrics.log_loss = Some(if balanced { 0.3 } else { 0.5 });
    let scale = if balanced { 2.0 } else { 1.0 };
    Figures {
        metrics,
        mean: MetricSummary::of_average_precision(0.5),
        weights: WeightStats::new(&[0.1 * scale, 0.2 * scale]),
        symptoms: if rare && !balanced { vec![Symptom::InvertedRanking] } else { Vec::new() },
        iterations: 10,
        final_loss: 1.0,
        stop: StopReason::Converged,
    }
}

fn outcomes(plan: &Plan) -> Vec<Outcome> {
    assert_eq!((plan.cells.len(), plan.jobs.len()), (8, 8));
    // Each job has one cell, in the same order.
    let of_cell = |levels: &[usize]| Outcome::Figures(Box::new(figures(levels[0] == 1, levels[1] == 1)));
    plan.cells.iter().map(|cell| of_cell(&cell.levels)).collect()
}

fn summary() -> Summary {
    let plan = plan();
    summarize(&plan, &outcomes(&plan)).expect("finite")
}

#[test]
fn a_difference_is_paired_over_independent_draws_of_data() {
    let summary = summary();
    let [reference, balanced] = summary.factors[0].levels.as_slice() else { panic!("two levels") };
    assert!(reference.average_precision.is_none(), "the reference has no difference to itself");
    let gain = balanced.average_precision.as_ref().expect("compared");
    // Two prevalences and two seeds are four draws.
    assert_eq!(gain.units, 4);
    assert!((gain.interval.estimate - 0.2).abs() < 1e-12);
    assert_eq!((gain.counts.wins, gain.counts.ties, gain.counts.losses), (4, 0, 0));
    // Four positive differences: 2 / 2^4.
    assert!((gain.p - 0.125).abs() < 1e-12);
    assert!((balanced.log_loss.as_ref().expect("compared").interval.estimate + 0.2).abs() < 1e-12);
    assert!((balanced.weight_std_ratio.expect("weights") - 2.0).abs() < 1e-12);
    // The seed draws data within each prevalence: of that factor, two draws are compared.
    let rarer = summary.factors[1].levels[1].average_precision.as_ref().expect("compared");
    assert_eq!(rarer.units, 2);
    assert!((rarer.interval.estimate + 0.1).abs() < 1e-12);
}

#[test]
fn means_and_rates_are_those_of_the_cells() {
    let summary = summary();
    let mean = |level: usize, figure: Figure| summary.factors[0].levels[level].means[figure.id()];
    assert!((mean(0, Figure::AveragePrecision).expect("measured") - 0.45).abs() < 1e-12);
    assert!((mean(1, Figure::ApGain).expect("measured") - 0.15).abs() < 1e-12);
    assert_eq!((mean(0, Figure::Collapse), mean(0, Figure::Inverted)), (Some(0.5), Some(0.5)));
    assert_eq!(mean(1, Figure::Collapse), Some(0.0));
    assert_eq!(mean(0, Figure::RocAuc), None, "what no cell has is not measured");
    let map = &summary.heat_maps[0];
    assert_eq!(
        (map.columns.as_slice(), map.rows.as_slice()),
        (
            ["0.5".to_owned(), "0.1".to_owned()].as_slice(),
            ["uniform".to_owned(), "balanced".to_owned()].as_slice()
        )
    );
    let value = |row: usize, column: usize| map.panels[0].values[row][column].expect("measured");
    assert!((value(0, 0) - 0.5).abs() < 1e-12 && (value(1, 1) - 0.6).abs() < 1e-12);
}

#[test]
fn the_document_shows_each_level_beside_its_reference() {
    let document = document(&summary());
    let text = markdown::write(&document);
    for part in [
        "# Known answers",
        "- class weights: balanced against uniform: average precision +0.2000 \\[0.2000, 0.2000] (Wilcoxon's p 0.1250, 4 \
         repetitions); 0.0% of its cells collapse, against 50.0%.",
        "Are they found?",
        "8 cells over 2 seeds, 0 failed.",
        "| uniform | 4 | 0.4500 | -0.0500 |  |  |  |  | **50.0%** | **50.0%** |",
        "| balanced | 4 | 0.6500 | 0.1500 | +0.2000 | \\[0.200, 0.200] | 0.1250 | 4/0/0 | 0.0% | 0.0% |",
        "| balanced | - | 0.3000 | -0.2000 | - | - | 10.0 |",
        "| balanced | 0.1000 | 2.00 |",
        "| 0.1 | balanced | 0.6000 | +0.2000 |",
        "| uniform | 0.500 | 0.400 |",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let drawings =
        document.sections.iter().flat_map(|section| &section.blocks).filter(|block| block.is_drawing());
    assert!(drawings.clone().any(|block| matches!(block, Block::HeatMaps { maps, .. } if maps.len() == 1)));
}

#[test]
fn a_failed_cell_is_named_and_left_out_of_the_pairs() {
    let plan = plan();
    let mut outcomes = outcomes(&plan);
    outcomes[0] = Outcome::Error("the loss is infinite".into());
    let summary = summarize(&plan, &outcomes).expect("the others are finite");
    assert_eq!(summary.failures.len(), 1);
    assert_eq!(summary.failures[0].cell, "class weights uniform, prevalence 0.5, seed 0");
    let [reference, balanced] = summary.factors[0].levels.as_slice() else { panic!("two levels") };
    assert_eq!((reference.cells, reference.failed), (4, 1));
    assert_eq!(balanced.average_precision.as_ref().expect("compared").units, 3);
    let text = markdown::write(&document(&summary));
    assert!(text.contains("- class weights uniform, prevalence 0.5, seed 0: the loss is infinite"), "{text}");
    assert!(text.contains("| uniform | 4 (1 failed) |"), "{text}");
}

#[test]
fn a_baseline_holds_its_own_run_and_finds_what_got_worse_or_better() {
    let plan = plan();
    let before = Baseline::new(&plan, &outcomes(&plan));
    let same = before.check(&before);
    assert_eq!((same.worse().count(), same.better().count()), (0, 0));
    // Two properties of the grid; AP, gain, log loss and two rates of four levels.
    assert_eq!(same.comparisons.len(), 2 + 4 * 5);

    let mut changed = outcomes(&plan);
    for (cell, outcome) in plan.cells.iter().zip(&mut changed) {
        if let Outcome::Figures(figures) = outcome {
            let lost = if cell.levels[0] == 1 { 0.1 } else { 0.0 };
            figures.metrics.average_precision = figures.metrics.average_precision.map(|ap| ap - lost);
            figures.metrics.log_loss = figures.metrics.log_loss.map(|loss| loss - 0.1);
        }
    }
    let checked = before.check(&Baseline::new(&plan, &changed));
    let worse: Vec<String> = checked.worse().map(ToString::to_string).collect();
    assert!(
        worse.iter().any(|text| text
            .starts_with("class weights balanced: average precision is 0.5500, was 0.6500 (noise ")),
        "{worse:?}"
    );
    assert!(checked.better().any(|better| better.figure == "log loss"), "a smaller loss is better");

    // A figure that is no longer measured is worse, and so is a cell that fails.
    let all_failed: Vec<Outcome> = plan.jobs.iter().map(|_| Outcome::Error("no".into())).collect();
    let checked = before.check(&Baseline::new(&plan, &all_failed));
    assert_eq!(checked.worse().count(), 1 + 4 * 5);
    assert!(checked.worse().any(|worse| worse.to_string() == "grid: failed cells are 8 of 8, were 0"));
    assert!(checked.worse().any(|worse| worse.values.starts_with("is not measured, was")));
}
