//! What the report of an ablation says, and leaves out.

use std::collections::BTreeMap;

use cf_ensemble::validation::WinTieLoss;
use serde_json::json;

use super::super::document::document;
use super::super::figure::Figure;
use super::super::grid::{HeatMap, OneOrMany};
use super::super::summary::{
    Difference, FactorSummary, Failure, HeatMapSummary, HeatPanel, LevelSummary, Ranks, Summary,
};
use crate::report::markdown;

fn level(name: &str, gain: Option<(f64, f64)>) -> LevelSummary {
    let difference = |(estimate, p): (f64, f64)| {
        let bounds = json!({"estimate": estimate, "lower": -0.125, "upper": 0.25, "standard_error": 0.1});
        let interval = serde_json::from_value(bounds).expect("an interval");
        Difference { units: 6, interval, p, counts: WinTieLoss { wins: 3, ties: 2, losses: 1 } }
    };
    LevelSummary {
        name: name.to_owned(),
        cells: 6,
        failed: 0,
        means: BTreeMap::from([(Figure::Collapse.id(), Some(0.5)), (Figure::Inverted.id(), Some(0.0))]),
        average_precision: gain.map(difference),
        log_loss: None,
        weight_std_ratio: None,
    }
}

fn factor(name: &str, levels: Vec<LevelSummary>) -> FactorSummary {
    FactorSummary { name: name.to_owned(), levels, ranks: None, within: Vec::new() }
}

fn summary(factors: Vec<FactorSummary>) -> Summary {
    Summary {
        version: "0",
        title: "A title".to_owned(),
        question: String::new(),
        seeds: vec![0, 1],
        cells: 12,
        failures: Vec::new(),
        factors,
        heat_maps: Vec::new(),
        associations: Vec::new(),
    }
}

#[test]
fn of_many_levels_only_the_best_is_an_answer() {
    let others = |n: usize| (1..=n).map(|k| level(&format!("l{k}"), Some((0.01 * k as f64, 0.5))));
    let of = |n: usize| vec![level("none", None)].into_iter().chain(others(n)).collect::<Vec<_>>();
    let answers = |n: usize| document(&summary(vec![factor("loss", of(n))])).answers;
    assert_eq!(answers(3).len(), 3);
    let many = answers(4);
    assert_eq!(many.len(), 1);
    assert!(many[0].starts_with("loss: l4 against none: average precision +0.0400 "), "{many:?}");
    // A level that was never measured is not the best one, and is not answered for.
    let mut levels = of(4);
    levels[4].average_precision = None;
    let answers = document(&summary(vec![factor("loss", levels), factor("empty", Vec::new())])).answers;
    assert!(answers.len() == 1 && answers[0].contains(": l3 against none"), "{answers:?}");
}

#[test]
fn a_small_p_is_bounded_and_a_rate_above_zero_is_marked() {
    let levels =
        vec![level("none", None), level("some", Some((0.02, 0.00001))), level("more", Some((0.03, 0.0001)))];
    let text = markdown::write(&document(&summary(vec![factor("loss", levels)])));
    assert!(
        text.contains("(Wilcoxon's p \\<0.0001, 6 repetitions); 50.0% of its cells collapse, against 50.0%."),
        "{text}"
    );
    assert!(
        text.contains("| +0.0200 | \\[-0.125, 0.250] | \\<0.0001 | 3/2/1 | **50.0%** | 0.0% |"),
        "{text}"
    );
    assert!(text.contains("| +0.0300 | \\[-0.125, 0.250] | 0.0001 | 3/2/1 |"), "{text}");
}

#[test]
fn failures_are_listed_up_to_a_point_and_counted_beyond() {
    let failure = |k: usize| Failure { cell: format!("cell {k}"), error: "the loss is infinite".to_owned() };
    let with = |n: usize| Summary { failures: (0..n).map(failure).collect(), ..summary(Vec::new()) };
    let text = |n: usize| markdown::write(&document(&with(n)));
    assert!(!text(0).contains("Failed cells"));
    let twenty = text(20);
    assert!(
        twenty.contains("- cell 19: the loss is infinite") && !twenty.contains("more, in results.csv"),
        "{twenty}"
    );
    let more = text(23);
    assert!(more.contains("- and 3 more, in results.csv") && !more.contains("cell 20"), "{more}");
    assert!(more.contains("12 cells over 2 seeds, 23 failed."), "{more}");
}

#[test]
fn ranks_name_their_test_and_draw_each_level() {
    let levels = vec![level("a", None), level("b", Some((0.1, 0.5))), level("c", Some((0.2, 0.5)))];
    let ranks = Ranks {
        units: 4,
        mean_ranks: vec![3.0, 1.0, 2.0],
        chi_square: 8.0,
        p: 0.0183,
        critical_difference: 1.657,
    };
    let document = document(&summary(vec![FactorSummary { ranks: Some(ranks), ..factor("loss", levels) }]));
    let text = markdown::write(&document);
    assert!(text.contains("Friedman over 4 repetitions: chi-square 8.0, p 0.0183."), "{text}");
    assert!(text.contains("differ by less than 1.66 do not differ significantly (Nemenyi, 0.05)."), "{text}");
    let drawings =
        document.sections.iter().flat_map(|section| &section.blocks).filter(|block| block.is_drawing());
    assert_eq!(drawings.count(), 1);
}

#[test]
fn a_heat_map_says_what_it_is_of_and_leaves_empty_what_was_not_measured() {
    let map = HeatMap {
        x: "gamma".to_owned(),
        y: "alpha".to_owned(),
        panels: Some("loss".to_owned()),
        figure: Figure::WeightStd,
        ratio_of: Some("weights".to_owned()),
        only: BTreeMap::from([(
            "seed kind".to_owned(),
            OneOrMany::Many(vec!["u".to_owned(), "v".to_owned()]),
        )]),
    };
    let panel =
        |name: &str, value| HeatPanel { name: name.to_owned(), values: vec![vec![Some(value), None]] };
    let heat = HeatMapSummary {
        map,
        columns: vec!["0".to_owned(), "2".to_owned()],
        rows: vec!["0.5".to_owned()],
        panels: vec![panel("bce", 1.25), panel("focal", 8.0)],
    };
    let text = markdown::write(&document(&Summary { heat_maps: vec![heat], ..summary(Vec::new()) }));
    let what = "weight std, second level of weights by its first, seed kind u or v";
    for panel in ["bce", "focal"] {
        assert!(text.contains(&format!("{what}; loss {panel}")), "{text}");
    }
    // Ratios have one decimal; 1.25 lies halfway and may round either way.
    assert!(text.contains("| 0.5 | 8.0 | - |"), "{text}");
}
