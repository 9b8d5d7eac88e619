//! What a baseline calls noise, and what it calls worse.

use std::path::Path;

use super::super::baseline::{Baseline, Change, Held};
use super::super::cell::Outcome;
use super::super::figure::Figure;
use super::{measured, plan_of};

/// Two levels and three seeds: six cells, the seeds of the first level first.
const THREE_SEEDS: &str = r#"
title = "Noise"
seeds = 3
base = { data = { kind = "separable", n_instances = 100 } }
factors = [{ name = "lambda", key = "lambda", levels = [0.1, 1.0] }]
"#;

fn of(precisions: [f64; 6]) -> Baseline {
    Baseline::new(&plan_of(THREE_SEEDS), &precisions.map(|ap| measured(ap, &[0.1, 0.3])))
}

fn held(baseline: &Baseline, level: &str) -> Held {
    baseline.levels["lambda"][level][&Figure::AveragePrecision]
}

#[test]
fn noise_is_three_standard_errors_of_the_means_of_the_seeds() {
    let baseline = of([0.5, 0.6, 0.7, 0.4, 0.4, 0.4]);
    // The variance of 0.5, 0.6, 0.7 is 0.01, so that the standard error of their mean is sqrt(0.01 / 3).
    let Held { mean, noise } = held(&baseline, "0.1");
    assert!((mean - 0.6).abs() < 1e-12 && (noise - 3.0 * (0.01f64 / 3.0).sqrt()).abs() < 1e-12);
    // Seeds that agree would make every later change worse; the floor of average precision is 0.005.
    assert_eq!(held(&baseline, "1.0").noise, 0.005);
}

#[test]
fn one_seed_has_no_spread_and_gets_the_floors() {
    let plan = plan_of(&THREE_SEEDS.replace("seeds = 3", "seeds = [9]"));
    let baseline = Baseline::new(&plan, &[measured(0.5, &[0.1]), measured(0.9, &[0.1])]);
    let noise = |figure| baseline.levels["lambda"]["0.1"][&figure].noise;
    assert_eq!(
        [Figure::AveragePrecision, Figure::LogLoss, Figure::Collapse].map(noise),
        [0.005, 0.01, 0.02],
        "floors"
    );
}

#[test]
fn only_a_change_beyond_the_noise_counts_and_its_sign_depends_on_the_figure() {
    let (mean, noise) = (0.5, 0.125);
    let mut before = of([0.5; 6]);
    let mut run = before.clone();
    for (figure, changes) in [
        (Figure::AveragePrecision, [Change::Worse, Change::Same, Change::Same, Change::Better]),
        (Figure::LogLoss, [Change::Better, Change::Same, Change::Same, Change::Worse]),
        (Figure::Collapse, [Change::Better, Change::Same, Change::Same, Change::Worse]),
    ] {
        for (measured, change) in [0.25, 0.375, 0.625, 0.75].into_iter().zip(changes) {
            let level = |of: &mut Baseline, held| {
                of.levels
                    .get_mut("lambda")
                    .and_then(|levels| levels.get_mut("0.1"))
                    .expect("there")
                    .insert(figure, held)
            };
            level(&mut before, Held { mean, noise });
            level(&mut run, Held { mean: measured, noise: 0.0 });
            let checked = before.check(&run);
            let found =
                checked.comparisons.iter().find(|c| c.place == "lambda 0.1" && c.figure == figure.label());
            assert_eq!(found.map(|c| c.change), Some(change), "{figure:?} of {measured}");
        }
    }
}

#[test]
fn a_level_that_is_gone_and_another_number_of_cells_are_worse() {
    let before = of([0.5; 6]);
    let mut run = before.clone();
    run.levels.get_mut("lambda").and_then(|levels| levels.remove("1.0")).expect("a level");
    run.cells = 5;
    let said: Vec<String> = before.check(&run).worse().map(ToString::to_string).collect();
    assert_eq!(said[0], "grid: number of cells is 5, was 6; write a new baseline if that is intended");
    // The five figures that are held, all of the level that is gone.
    assert_eq!(said.len(), 1 + 5);
    assert!(said[1..].iter().all(|text| text.starts_with("lambda 1.0: ") && text.contains("not measured")));
    // Fewer failures than before are not worse, and neither is a level that is new.
    assert_eq!(Baseline { failed: 2, ..run.clone() }.check(&run).worse().count(), 0);
    assert_eq!(Baseline { cells: 6, ..run }.check(&before).worse().count(), 0);
}

#[test]
fn a_figure_that_no_cell_has_is_not_held() {
    let plan = plan_of(THREE_SEEDS);
    let failed = [const { Outcome::Error(String::new()) }; 3];
    let outcomes: Vec<Outcome> = failed.into_iter().chain([0.5; 3].map(|ap| measured(ap, &[0.1]))).collect();
    let baseline = Baseline::new(&plan, &outcomes);
    assert_eq!((baseline.cells, baseline.failed), (6, 3));
    assert!(baseline.levels["lambda"]["0.1"].is_empty());
    assert_eq!(baseline.levels["lambda"]["1.0"].len(), 5);
}

#[test]
fn a_file_is_read_to_the_bit_and_another_file_is_refused_with_its_name() {
    let baseline = of([0.1, 0.2, 0.3, 1.0 / 3.0, 0.7, f64::MIN_POSITIVE]);
    let text = serde_json::to_string(&baseline).expect("plain values");
    assert_eq!(Baseline::parse(Path::new("b.json"), &text).expect("its own file"), baseline);
    for other in ["", "[]", "{\"title\": \"t\"}", &text.replace("\"noise\"", "\"nose\"")] {
        let said = Baseline::parse(Path::new("b.json"), other).expect_err(other).to_string();
        assert!(said.starts_with("b.json: not a baseline") && said.ends_with("--write-baseline"), "{said}");
    }
}
