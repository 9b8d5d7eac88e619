//! Ranks, ratios, heat maps and correlations whose answers are known.

use super::super::cell::Outcome;
use super::super::figure::{Figure, Figures};
use super::super::plan::Plan;
use super::super::summary::{Summary, summarize};
use super::{measured, plan_of};
use cf_ensemble::Symptom;

/// Three levels over `seeds` seeds that draw data.
fn three_levels(seeds: usize) -> Plan {
    plan_of(&format!(
        "title = \"t\"\nseeds = {seeds}\nbase = {{ data = {{ n_instances = 100 }} }}\n\
         factors = [{{ name = \"lambda\", key = \"lambda\", levels = [0.1, 1, 10] }}]"
    ))
}

/// One list of average precisions for each level.
fn summary(plan: &Plan, precisions: &[&[f64]]) -> Summary {
    let outcomes = precisions.iter().flat_map(|level| level.iter().map(|ap| measured(*ap, &[0.1, 0.3])));
    summarize(plan, &outcomes.collect::<Vec<Outcome>>()).expect("finite")
}

#[test]
fn levels_are_ranked_by_friedmans_test_over_the_repetitions() {
    let summary =
        summary(&three_levels(4), &[&[0.1, 0.2, 0.3, 0.4], &[0.6, 0.7, 0.8, 0.9], &[0.4, 0.5, 0.5, 0.6]]);
    let ranks = summary.factors[0].ranks.as_ref().expect("three levels");
    assert_eq!((ranks.units, ranks.mean_ranks.as_slice()), (4, [3.0, 1.0, 2.0].as_slice()));
    // 12 N / (k (k + 1)) sum (rank - 2)^2 = 12 * 4 / 12 * 2.
    assert!((ranks.chi_square - 8.0).abs() < 1e-12);
    // With two degrees of freedom the tail is exp(-x / 2).
    assert!((ranks.p - (-4.0f64).exp()).abs() < 1e-12);
    // Demsar (2006): q(0.05, 3) = 2.343.
    assert!((ranks.critical_difference - 2.343 * (12.0f64 / 24.0).sqrt()).abs() < 2e-3);
}

#[test]
fn only_repetitions_in_which_every_level_was_measured_are_ranked() {
    let plan = three_levels(3);
    let mut outcomes: Vec<Outcome> = (0..9).map(|k| measured(0.1 * f64::from(k), &[0.1])).collect();
    outcomes[4] = Outcome::Error("diverged".into());
    let summary = summarize(&plan, &outcomes).expect("finite");
    assert_eq!(summary.factors[0].ranks.as_ref().map(|ranks| ranks.units), Some(2));
    // The pair of the level that was measured everywhere keeps its third repetition.
    let units = |level: usize| summary.factors[0].levels[level].average_precision.as_ref().map(|d| d.units);
    assert_eq!((units(1), units(2)), (Some(2), Some(3)));
    let one = summarize(&three_levels(1), &outcomes[..3]).expect("finite");
    assert!(one.factors[0].ranks.is_none(), "one repetition has no ranks");
}

#[test]
fn a_difference_below_the_margin_is_a_tie() {
    let summary = summary(&three_levels(3), &[&[0.5, 0.5, 0.5], &[0.504, 0.506, 0.4], &[0.5, 0.5, 0.5]]);
    let counts = summary.factors[0].levels[1].average_precision.as_ref().expect("compared").counts;
    assert_eq!((counts.wins, counts.ties, counts.losses), (1, 1, 1));
    let same = summary.factors[0].levels[2].average_precision.as_ref().expect("compared");
    assert_eq!((same.interval.estimate, same.p), (0.0, 1.0));
}

#[test]
fn the_ratio_of_spreads_is_a_geometric_mean_without_zeros() {
    let plan = three_levels(3);
    // Stds 1, 1, 1 at the reference; 2, 8 and 0 at the second level.
    let spreads = [[1.0; 3], [2.0, 8.0, 0.0], [1.0; 3]];
    let outcomes: Vec<Outcome> =
        spreads.iter().flatten().map(|std| measured(0.5, &[1.0 - std, 1.0 + std])).collect();
    let summary = summarize(&plan, &outcomes).expect("finite");
    let ratio = |level: usize| summary.factors[0].levels[level].weight_std_ratio;
    assert_eq!(ratio(0), None, "the reference has no ratio to itself");
    assert!((ratio(1).expect("measured") - 4.0).abs() < 1e-12, "sqrt(2 * 8)");
    assert!((ratio(2).expect("measured") - 1.0).abs() < 1e-12);
}

/// Two crossed factors and a third that a heat map divides by.
const CROSSED: &str = r#"
title = "t"
seeds = 1
base = { data = { n_instances = 100 } }
factors = [
    { name = "x", key = "lambda", levels = [0.1, 1] },
    { name = "y", key = "tolerance", levels = [0.1, 1] },
    { name = "z", key = "latent_dim", levels = [2, 3] },
]
heat_maps = [
    { x = "x", y = "y", panels = "z", figure = "average_precision" },
    { x = "x", y = "y", figure = "weight_std", ratio_of = "z" },
    { x = "x", y = "y", figure = "average_precision", only = { z = "3" } },
]
"#;

#[test]
fn heat_maps_are_means_over_what_they_do_not_name() {
    let plan = plan_of(CROSSED);
    // Average precision 0.5 + 0.1 x + 0.2 y + 0.04 z by levels. Std 1 at the first level of z, and 3 + x at
    // the second.
    let outcomes: Vec<Outcome> = (plan.cells.iter())
        .map(|cell| {
            let [x, y, z] = [0, 1, 2].map(|k| cell.levels[k] as f64);
            let std = if z == 0.0 { 1.0 } else { 3.0 + x };
            measured(0.5 + 0.1 * x + 0.2 * y + 0.04 * z, &[-std, std])
        })
        .collect();
    let maps = summarize(&plan, &outcomes).expect("finite").heat_maps;
    let close = |found: &[Vec<Option<f64>>], expected: [[f64; 2]; 2]| {
        for (row, expected) in found.iter().zip(expected) {
            for (value, expected) in row.iter().zip(expected) {
                assert!((value.expect("measured") - expected).abs() < 1e-12, "{found:?}");
            }
        }
    };
    let names: Vec<&str> = maps[0].panels.iter().map(|panel| panel.name.as_str()).collect();
    assert_eq!(names, ["2", "3"]);
    // Rows are levels of y, columns levels of x.
    close(&maps[0].panels[0].values, [[0.5, 0.6], [0.7, 0.8]]);
    close(&maps[0].panels[1].values, [[0.54, 0.64], [0.74, 0.84]]);
    close(&maps[1].panels[0].values, [[3.0, 4.0], [3.0, 4.0]]);
    assert_eq!(maps[2].panels[0].values, maps[0].panels[1].values);
}

#[test]
fn rank_correlations_are_taken_within_the_same_data() {
    let plan = plan_of(
        "title = \"t\"\nseeds = 2\nbase = { data = { n_instances = 100 } }\n\
         factors = [{ name = \"lambda\", key = \"lambda\", levels = [0.1, 1, 10, 100] }]",
    );
    // By level, then by seed. Of seed 0 the gains rise with the spread but for the last two, so that rho is
    // 1 - 6 * 2 / 60 = 0.8. Of seed 1 they fall with the spread, and rho is -1.
    let gains = [[0.1, 0.9], [0.2, 0.8], [0.4, 0.7], [0.3, 0.6]];
    let mut outcomes: Vec<Outcome> = Vec::new();
    for (level, gains) in gains.iter().enumerate() {
        let std = 1.0 + level as f64;
        outcomes.extend(gains.iter().map(|gain| measured(*gain, &[5.0 - std, 5.0 + std])));
    }
    let associations = summarize(&plan, &outcomes).expect("finite").associations;
    let of_std = &associations[0];
    assert_eq!(
        (of_std.figure, of_std.healthy_only, of_std.cells, of_std.data_sets),
        (Figure::WeightStd, false, 8, 2)
    );
    assert!((of_std.within.expect("two data sets").estimate - (0.8 - 1.0) / 2.0).abs() < 1e-12);
    // With the collapsed cell of seed 0, three cells are left there, which are too few.
    let Outcome::Figures(figures) = &outcomes[0] else { panic!("measured") };
    let collapsed = Figures { symptoms: vec![Symptom::ConstantPredictions], ..(**figures).clone() };
    outcomes[0] = Outcome::Figures(Box::new(collapsed));
    let associations = summarize(&plan, &outcomes).expect("finite").associations;
    assert_eq!((associations[0].cells, associations[0].data_sets), (8, 2), "with all cells as before");
    let healthy = &associations[1];
    assert_eq!((healthy.healthy_only, healthy.cells, healthy.data_sets), (true, 7, 1));
    assert!((healthy.within.expect("one data set").estimate + 1.0).abs() < 1e-12);
}

#[test]
fn seeds_that_do_not_draw_data_are_one_repetition() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = folder.path().join("t.csv");
    std::fs::write(&table, "label,split,a\n1,train,0.9\n0,train,0.1\n1,test,0.8\n").expect("writable");
    let plan = plan_of(&format!(
        "title = \"t\"\nseeds = 3\nbase = {{ data = {{ kind = \"table\", path = '{}' }} }}\n\
         factors = [{{ name = \"lambda\", key = \"lambda\", levels = [0.1, 1] }}]",
        table.display()
    ));
    let outcomes = [0.5, 0.5, 0.5, 0.5, 0.6, 0.7].map(|ap| measured(ap, &[0.1]));
    let summary = summarize(&plan, &outcomes).expect("finite");
    let difference = summary.factors[0].levels[1].average_precision.as_ref().expect("compared");
    assert_eq!(difference.units, 1, "the seeds changed the start alone");
    assert!((difference.interval.estimate - 0.1).abs() < 1e-12, "their mean");
}
