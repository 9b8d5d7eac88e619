//! What the first passes over shards tell: the survey of all instances, and what follows from it.

use cfe_core::Result;
use cfe_core::shards::{ColumnAbout, Draw, Drawn, Engine, Request, Spread, Survey, SurveyedClassifier};

use super::columns::View;
use super::prior::prior_logit_of;
use super::spec::RecommendedSpec;
use crate::baselines::clip_for;

pub(super) fn survey(engine: &mut dyn Engine) -> Result<Survey> {
    Request::Survey.survey(engine.pass(&Request::Survey)?.finish()?)
}

pub(super) fn ask(draw: &Draw, engine: &mut dyn Engine) -> Result<(Drawn, Vec<Spread>)> {
    let request = Request::Draw(Box::new(draw.clone()));
    request.drawn(engine.pass(&request)?.finish()?)
}

/// Mean weight of the labeled instances that weigh something.
pub(super) fn mean_weight(survey: &Survey) -> f64 {
    let (negatives, positives) = survey.labeled;
    (survey.weights.0 + survey.weights.1) / (negatives + positives).max(1) as f64
}

pub(super) fn prior_logit(survey: &Survey) -> Result<f64> {
    let (mean, (negative, positive)) = (mean_weight(survey), survey.weights);
    prior_logit_of(negative / mean, positive / mean, index(survey.labeled.0 + survey.labeled.1))
}

pub(super) fn index(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Which classifiers make the keys of the instances (m).
pub(super) fn looked_at(survey: &Survey) -> Vec<bool> {
    survey.classifiers.iter().map(|classifier| !classifier.is_constant()).collect()
}

/// The columns of both views, in the order of [`Whole::spreads`](super::passed_columns::Whole::spreads).
pub(super) fn columns_about(spec: &RecommendedSpec, survey: &Survey) -> Vec<ColumnAbout> {
    [View::Probability, View::LogOdds].into_iter().flat_map(|view| about(spec, survey, view)).collect()
}

/// The columns of a view, about the view of each mean.
pub(super) fn about(spec: &RecommendedSpec, survey: &Survey, view: View) -> Vec<ColumnAbout> {
    let column_of = |(classifier, surveyed): (usize, &SurveyedClassifier)| {
        let clip = clip_for(surveyed.mean(), spec.clip);
        ColumnAbout { classifier, view, clip, center: view.of(surveyed.mean(), clip) }
    };
    survey.classifiers.iter().enumerate().map(column_of).collect()
}
