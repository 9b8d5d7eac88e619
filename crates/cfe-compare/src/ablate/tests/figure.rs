//! Figures of a cell, by hand.

use std::collections::BTreeSet;

use cf_ensemble::metrics::MetricSummary;
use cf_ensemble::{StopReason, Symptom, WeightStats};

use super::super::figure::{Figure, Figures, OTHER_COLUMNS};

fn figures() -> Figures {
    // The order of the scores is that of the labels but for one pair: AP = (1 + 2 / 3) / 2, AUC = 3 / 4.
    let labels = [true, false, true, false];
    let probabilities = [0.8, 0.6, 0.4, 0.2];
    Figures {
        metrics: MetricSummary::new(&labels, &probabilities, Some(&probabilities)).expect("valid"),
        mean: MetricSummary::of_average_precision(0.5),
        weights: WeightStats::new(&[-1.0, 3.0]),
        symptoms: vec![Symptom::InvertedRanking],
        iterations: 17,
        final_loss: 2.5,
        stop: StopReason::Converged,
    }
}

#[test]
fn every_figure_is_the_value_of_its_name() {
    let (of_positive, of_negative) = (|p: f64| -p.ln(), |p: f64| -(1.0 - p).ln());
    let expected = [
        (Figure::AveragePrecision, 5.0 / 6.0),
        (Figure::ApGain, 5.0 / 6.0 - 0.5),
        (Figure::RocAuc, 0.75),
        (Figure::LogLoss, (of_positive(0.8) + of_negative(0.6) + of_positive(0.4) + of_negative(0.2)) / 4.0),
        (Figure::Brier, (0.04 + 0.36 + 0.36 + 0.04) / 4.0),
        // Mean 1, deviations -2 and 2.
        (Figure::WeightStd, 2.0),
        (Figure::WeightRange, 4.0),
        (Figure::WeightMax, 3.0),
        (Figure::WeightVariation, 2.0),
        // Shares 1 / 4 and 3 / 4 of the absolute weights.
        (Figure::EffectiveClassifiers, (0.25 * 4f64.ln() + 0.75 * (4.0f64 / 3.0).ln()).exp()),
        (Figure::NegativeWeights, 1.0),
        (Figure::Collapse, 1.0),
        (Figure::Inverted, 1.0),
        (Figure::Iterations, 17.0),
    ];
    let figures = figures();
    for (figure, value) in expected {
        let found = figure.of(&figures).expect("measured");
        assert!((found - value).abs() < 1e-12, "{figure:?}: {found}, not {value}");
    }
}

#[test]
fn only_some_symptoms_are_a_collapse_and_one_is_an_inversion() {
    let with = |symptom| Figures { symptoms: vec![symptom], ..figures() };
    let found = |symptom| [Figure::Collapse, Figure::Inverted].map(|f| f.of(&with(symptom)).expect("a rate"));
    assert_eq!(found(Symptom::NegativeWeights), [1.0, 0.0]);
    assert_eq!(found(Symptom::ConstantPredictions), [1.0, 0.0]);
    assert_eq!(found(Symptom::InvertedRanking), [1.0, 1.0]);
    assert_eq!(found(Symptom::ExplodedWeights), [0.0, 0.0]);
    assert_eq!(found(Symptom::WorseThanMean), [0.0, 0.0]);
}

#[test]
fn what_is_not_there_is_not_a_number() {
    let without_weights = Figures { weights: None, ..figures() };
    let missing: Vec<Figure> =
        Figure::ALL.into_iter().filter(|figure| figure.of(&without_weights).is_none()).collect();
    assert_eq!(
        missing,
        [
            Figure::WeightStd,
            Figure::WeightRange,
            Figure::WeightMax,
            Figure::WeightVariation,
            Figure::EffectiveClassifiers,
            Figure::NegativeWeights
        ]
    );
    let mut unpaired = figures();
    unpaired.mean.average_precision = None;
    assert_eq!(Figure::ApGain.of(&unpaired), None, "a gain needs both sides");
    // Weights of mean 0 have no variation relative to it.
    let balanced = Figures { weights: WeightStats::new(&[-1.0, 1.0]), ..figures() };
    assert_eq!(Figure::WeightVariation.of(&balanced), None);
}

#[test]
fn names_are_those_of_grids_and_no_column_has_two_meanings() {
    let ids: BTreeSet<&str> = Figure::ALL.iter().map(|figure| figure.id()).chain(OTHER_COLUMNS).collect();
    assert_eq!(ids.len(), Figure::ALL.len() + OTHER_COLUMNS.len());
    let labels: BTreeSet<&str> = Figure::ALL.iter().map(|figure| figure.label()).collect();
    assert_eq!(labels.len(), Figure::ALL.len());
    for figure in Figure::ALL {
        assert_eq!(serde_json::to_value(figure).expect("a name"), figure.id());
    }
}

#[test]
fn ratios_are_taken_of_figures_that_cannot_fall_below_zero() {
    // Weights below 0 as well: what stays positive is positive by its nature.
    let figures = figures();
    for figure in Figure::ALL.into_iter().filter(|figure| figure.is_positive()) {
        assert!(figure.of(&figures).is_some_and(|value| value > 0.0), "{figure:?}");
    }
    assert!(!Figure::WeightMax.is_positive() && !Figure::ApGain.is_positive());
}
