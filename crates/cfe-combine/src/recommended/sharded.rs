//! The fit in passes over shards: for labeled instances that lie beyond memory or on many machines.
//!
//! Centers, scales and factors come from sums over all labeled instances; the members learn from those that
//! are drawn by their keys, on this machine, as in memory.
//!
//! ```text
//! survey    what each classifier says, and how many instances of each class there are
//! draw      the instances with the smallest keys; means and spreads of the columns
//! moments   sums of products of the standardized columns; with gaps once more after each round of filling
//! ```

use std::cell::RefCell;

use cfe_core::columns::{Fill, StandardColumn, Standardizer};
use cfe_core::shards::{
    ColumnAbout, Draw, Drawn, DrawnRow, Engine, Moments, Request, ShardError, Spread, Survey,
};
use cfe_core::{EnsembleData, Error, Result, check_weight_sum};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::columns::{CONSTANT, Column, Columns, FILL_ROUNDS, View};
use super::fit::{self, prior_logit_of};
use super::sample::{drawn_scale, sizes};
use super::spec::RecommendedSpec;
use super::{FittedRecommended, Recommended};
use crate::baselines::clip_for;
use crate::pipeline::Watch;

/// A combiner that was fitted in passes, with the instances that its members learned from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FittedOnShards {
    /// The fit; its out-of-fold logits are those of `rows`.
    pub fitted: FittedRecommended,
    /// The instances that the members learned from, in the order of their numbers: all labeled ones, or a
    /// sample with the weights that make up for the drawing.
    pub rows: EnsembleData,
    /// Their numbers among all instances.
    pub numbers: Vec<u64>,
    /// Whether `rows` are a sample.
    pub sampled: bool,
}

impl Recommended {
    /// Fits in passes over shards, wherever they lie: the same bits for any engine, any number of threads and
    /// any partition of the shards. Two passes where at most `max_instances` are labeled, else three, and six
    /// with missing predictions.
    ///
    /// The result is that of [`fit`](Self::fit) on the same cells, bit for bit, with two exceptions. Of more
    /// than `max_instances` labeled instances with sample weights, the weights are added in another order,
    /// and so the two agree to rounding. Labeled instances without a prediction are passed over;
    /// [`fit`](Self::fit) counts them in the prevalence.
    ///
    /// ```
    /// use cf_ensemble::recommended::Recommended;
    /// use cf_ensemble::shards::InMemory;
    /// use cf_ensemble::synthetic::Separable;
    ///
    /// let data = Separable::default().generate(1)?.data;
    /// let fitted = Recommended::default().fit_on(&mut InMemory::new(&data)?, &())?;
    /// assert_eq!(fitted.fitted.model, Recommended::default().fit(&data)?.model);
    /// # Ok::<(), cf_ensemble::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and what the engine refuses.
    pub fn fit_on(&self, engine: &mut dyn Engine, watch: &dyn Watch) -> Result<FittedOnShards> {
        let gathered = gather(self.spec(), engine)?;
        let Gathered { rows, numbers, whole } = gathered;
        let sampled = whole.is_some();
        let whole = whole.map(|whole| PassedColumns::new(engine, whole));
        let fitted = fit::fit_beyond(self.spec(), &rows, None, watch, whole.as_ref())?;
        Ok(FittedOnShards { fitted, rows, numbers, sampled })
    }
}

impl Recommended {
    /// As [`fit_watched`](Self::fit_watched), where `beyond` gives columns from more instances than the data.
    pub(crate) fn fit_beyond(
        &self,
        data: &EnsembleData,
        folds: Option<&[usize]>,
        watch: &dyn Watch,
        beyond: Option<&PassedColumns<'_>>,
    ) -> Result<FittedRecommended> {
        fit::fit_beyond(self.spec(), data, folds, watch, beyond)
    }
}

/// What two passes bring to this machine.
pub(crate) struct Gathered {
    /// The instances that members learn from, in the order of their numbers.
    pub rows: EnsembleData,
    pub numbers: Vec<u64>,
    /// What is known of all labeled instances, where there are more than `rows`.
    pub whole: Option<Whole>,
}

/// What is known of all labeled instances.
pub(crate) struct Whole {
    survey: Survey,
    /// Of the probabilities, then of the log-odds of each classifier.
    spreads: Vec<Spread>,
}

fn survey(engine: &mut dyn Engine) -> Result<Survey> {
    Request::Survey.survey(engine.pass(&Request::Survey)?.finish()?)
}

/// Surveys and draws.
pub(crate) fn gather(spec: &RecommendedSpec, engine: &mut dyn Engine) -> Result<Gathered> {
    let survey = survey(engine)?;
    check(&survey)?;
    // The same rule of sizes as in memory says whether the members see a sample.
    let classes = (index(survey.learnable.0), index(survey.learnable.1));
    let sizes = sizes(classes, spec.max_instances);
    let columns = sizes.map_or_else(Vec::new, |_| columns_about(spec, &survey));
    let (negatives, positives) = sizes.unwrap_or(classes);
    // Rows of weight 0 teach nothing, and are dealt to folds in memory all the same.
    let weightless = sizes.is_none() && survey.labels <= spec.max_instances as u64;
    let most = if weightless { (survey.labels, survey.labels) } else { (negatives as u64, positives as u64) };
    // Keys above `largest_key` are not sent at all: a pass returns little more than what is kept.
    let mut draw = Draw {
        seed: spec.seed,
        weightless,
        looked_at: looked_at(&survey),
        most,
        largest_key: (likely(negatives, classes.0), likely(positives, classes.1)),
        columns,
    };
    // A second draw is only made if the bound on the keys was too small for what the instances hold.
    let mut found = ask(&draw, engine)?;
    let enough = |found: &Drawn| found.negatives.len() >= negatives && found.positives.len() >= positives;
    if !enough(&found.0) {
        // Many copies of an instance share a key, and so keys need not be spread evenly.
        draw.largest_key = (u64::MAX, u64::MAX);
        found = ask(&draw, engine)?;
    }
    let (drawn, spreads) = found;
    let names = engine.shape().classifier_names.clone();
    let (rows, numbers) = rows_of(drawn, names, sizes.map(|_| (&survey, spec.max_instances)))?;
    Ok(Gathered { rows, numbers, whole: sizes.map(|_| Whole { survey, spreads }) })
}

fn ask(draw: &Draw, engine: &mut dyn Engine) -> Result<(Drawn, Vec<Spread>)> {
    let request = Request::Draw(Box::new(draw.clone()));
    request.drawn(engine.pass(&request)?.finish()?)
}

/// Refuses what cannot be learned from, as a fit in memory does.
fn check(survey: &Survey) -> Result<()> {
    if let Some(row) = survey.first_bad {
        return Err(ShardError::BadCell { row }.into());
    }
    if survey.labels == 0 {
        return Err(Error::NoLabels);
    }
    let (negative, positive) = survey.weights;
    check_weight_sum("the sample weights of the labeled instances", [negative, positive])?;
    prior_logit(survey).map(|_| ())
}

/// Mean weight of the labeled instances that weigh something.
fn mean_weight(survey: &Survey) -> f64 {
    let (negatives, positives) = survey.labeled;
    (survey.weights.0 + survey.weights.1) / (negatives + positives).max(1) as f64
}

fn prior_logit(survey: &Survey) -> Result<f64> {
    let (mean, (negative, positive)) = (mean_weight(survey), survey.weights);
    prior_logit_of(negative / mean, positive / mean, index(survey.labeled.0 + survey.labeled.1))
}

fn index(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// A key below which `wanted` of `there` instances are found but for one time in many millions, were keys
/// spread evenly: six standard deviations.
fn likely(wanted: usize, there: usize) -> u64 {
    let share = (wanted as f64 + 6.0 * (wanted as f64).sqrt() + 36.0) / there.max(1) as f64;
    if wanted >= there || share >= 1.0 { u64::MAX } else { (share * 2f64.powi(64)) as u64 }
}

/// Which classifiers make the keys of the instances (m).
fn looked_at(survey: &Survey) -> Vec<bool> {
    survey.classifiers.iter().map(|classifier| !classifier.is_constant()).collect()
}

/// The columns of both views, in the order of [`Whole::spreads`].
fn columns_about(spec: &RecommendedSpec, survey: &Survey) -> Vec<ColumnAbout> {
    [View::Probability, View::LogOdds].into_iter().flat_map(|view| about(spec, survey, view)).collect()
}

/// The columns of a view, about the view of each mean.
fn about(spec: &RecommendedSpec, survey: &Survey, view: View) -> Vec<ColumnAbout> {
    let column_of = |(classifier, surveyed): (usize, &cfe_core::shards::SurveyedClassifier)| {
        let clip = clip_for(surveyed.mean(), spec.clip);
        ColumnAbout { classifier, view, clip, center: view.of(surveyed.mean(), clip) }
    };
    survey.classifiers.iter().enumerate().map(column_of).collect()
}

/// The drawn instances in the order of their numbers, with the weights of a [sample](super::sample::sample)
/// where they are one.
fn rows_of(
    drawn: Drawn,
    names: Vec<String>,
    sampled: Option<(&Survey, usize)>,
) -> Result<(EnsembleData, Vec<u64>)> {
    let mut all: Vec<(DrawnRow, bool)> = Vec::with_capacity(drawn.negatives.len() + drawn.positives.len());
    // Weights of a sample make up for the drawing class by class, so that the prevalence stays.
    for (mut rows, label) in [(drawn.negatives, false), (drawn.positives, true)] {
        if let Some((survey, most)) = sampled {
            let mean = mean_weight(survey);
            let (negative, positive) = survey.learnable_weights;
            let of_class = (if label { positive } else { negative }) / mean;
            rows.iter_mut().for_each(|row| row.weight /= mean);
            let total: f64 = rows.iter().map(|row| row.weight).sum();
            let there = index(survey.learnable.0 + survey.learnable.1);
            let scale = drawn_scale(of_class, total, most, there);
            rows.iter_mut().for_each(|row| row.weight *= scale);
        }
        all.extend(rows.into_iter().map(|row| (row, label)));
    }
    // In the order of their numbers, as in memory, where sums depend on it.
    all.sort_unstable_by_key(|(row, _)| row.row);
    let mut r = Array2::zeros((names.len(), all.len()));
    for (i, (row, _)) in all.iter().enumerate() {
        r.column_mut(i).assign(&ArrayView1::from(&row.cells));
    }
    let labels = all.iter().map(|(_, label)| Some(*label)).collect();
    let mut rows = EnsembleData::new(r, labels)?.with_classifier_names(names)?;
    if sampled.is_some() || all.iter().any(|(row, _)| row.weight != 1.0) {
        rows = rows.with_sample_weights(all.iter().map(|(row, _)| row.weight).collect())?;
    }
    Ok((rows, all.iter().map(|(row, _)| row.row).collect()))
}

/// Columns that passes over all labeled instances give, where a fit has a sample of them.
pub(crate) struct PassedColumns<'a> {
    engine: RefCell<&'a mut dyn Engine>,
    whole: Whole,
    learned: RefCell<Vec<Learned>>,
}

/// Columns of some classifiers.
struct Learned {
    classifiers: Vec<usize>,
    columns: Columns,
    /// Those of the round before, by which gaps are filled; `None` without gaps.
    filling: Option<Columns>,
}

impl<'a> PassedColumns<'a> {
    pub(crate) fn new(engine: &'a mut dyn Engine, whole: Whole) -> Self {
        Self { engine: RefCell::new(engine), whole, learned: RefCell::default() }
    }

    /// Of instances that are at hand, or were drawn before.
    pub(super) fn without_drawing(engine: &'a mut dyn Engine, spec: &RecommendedSpec) -> Result<Self> {
        let survey = survey(engine)?;
        let draw = Draw {
            seed: spec.seed,
            weightless: false,
            looked_at: looked_at(&survey),
            most: (0, 0),
            largest_key: (0, 0),
            columns: columns_about(spec, &survey),
        };
        let (_, spreads) = ask(&draw, engine)?;
        Ok(Self::new(engine, Whole { survey, spreads }))
    }

    /// Log-odds of the prevalence among all labeled instances.
    pub(super) fn prior_logit(&self) -> Result<f64> {
        prior_logit(&self.whole.survey)
    }

    /// Learns the columns of several choices of classifiers together: a pass costs no more for many.
    pub(super) fn prepare(&self, spec: &RecommendedSpec, choices: &[Vec<usize>]) -> Result<()> {
        let mut new: Vec<Learned> = Vec::new();
        for classifiers in choices {
            let known =
                self.learned.borrow().iter().chain(&new).any(|learned| learned.classifiers == *classifiers);
            if !known {
                new.push(self.begin(spec, classifiers));
            }
        }
        // Round 0 factorizes with gaps at the mean; each later round fills them in by the factors of the
        // last.
        let mut last: Vec<Option<Moments>> = vec![None; new.len()];
        for round in 0..=FILL_ROUNDS {
            let asked: Vec<usize> = (0..new.len())
                .filter(|&k| !new[k].columns.columns.is_empty() && (round == 0 || self.has_gaps(&new[k])))
                .collect();
            if asked.is_empty() {
                break;
            }
            // The columns before this round fill the gaps of the pass, and stay the ones that fill when it
            // ends.
            if round > 0 {
                asked.iter().for_each(|&k| new[k].filling = Some(new[k].columns.clone()));
            }
            let sets = asked.iter().map(|&k| new[k].standardizer()).collect();
            let request = Request::Moments(sets);
            let moments = request.moments(self.engine.borrow_mut().pass(&request)?.finish()?)?;
            for (&k, moments) in asked.iter().zip(moments) {
                new[k].columns.factorize_sums(spec.latent_dim, &moments);
                last[k] = Some(moments);
            }
        }
        // The mean of a view takes in the filled cells, and so its scale comes last, as in memory.
        for (learned, moments) in new.iter_mut().zip(last) {
            if let Some(moments) = moments {
                learned.columns.scale_views_by(&moments);
            }
        }
        self.learned.borrow_mut().extend(new);
        Ok(())
    }

    /// The columns of classifiers that were [prepared](Self::prepare), and some instances of R (m x n)
    /// standardized by them (k x rows), gaps filled.
    pub(super) fn of(
        &self,
        classifiers: &[usize],
        r: ArrayView2<'_, f64>,
        rows: &[usize],
    ) -> (Columns, Array2<f64>) {
        let learned = self.learned.borrow();
        let learned = learned.iter().find(|learned| learned.classifiers == classifiers);
        let learned = learned.expect("these classifiers were prepared");
        (learned.columns.clone(), learned.standardizer().apply(r, rows))
    }

    /// Centers and scales.
    fn begin(&self, spec: &RecommendedSpec, classifiers: &[usize]) -> Learned {
        let (survey, m) = (&self.whole.survey, self.whole.survey.classifiers.len());
        let mut columns = Vec::new();
        for (on, view, from) in
            [(spec.views.probabilities, View::Probability, 0), (spec.views.log_odds, View::LogOdds, m)]
        {
            for &classifier in classifiers.iter().filter(|_| on) {
                let surveyed = &survey.classifiers[classifier];
                let clip = clip_for(surveyed.mean(), spec.clip);
                // Means and spreads were computed where the instances are; here they become columns by the
                // same rule.
                let Spread { mean: center, deviation: own_scale, .. } = self.whole.spreads[from + classifier];
                if own_scale > CONSTANT * center.abs() && !surveyed.is_constant() {
                    let clip = (clip < spec.clip).then_some(clip);
                    let view_scale = 1.0;
                    columns.push(Column { classifier, view, center, own_scale, view_scale, clip, gap: None });
                }
            }
        }
        Learned { classifiers: classifiers.to_vec(), columns: Columns::of(spec, columns), filling: None }
    }

    fn has_gaps(&self, learned: &Learned) -> bool {
        let survey = &self.whole.survey;
        let there = survey.learnable.0 + survey.learnable.1;
        learned.columns.columns.iter().any(|column| survey.classifiers[column.classifier].observed < there)
    }
}

impl Learned {
    /// How the columns are standardized and filled, in a pass and here.
    fn standardizer(&self) -> Standardizer {
        let standard_column = |column: &Column| StandardColumn {
            classifier: column.classifier,
            view: column.view,
            clip: column.clip.unwrap_or(self.columns.clip),
            center: column.center,
            scale: column.own_scale,
        };
        let fill = self.filling.as_ref().map(|columns| Fill {
            loadings: Array2::from_shape_fn(columns.directions.dim(), |(d, j)| {
                columns.spreads[d] * columns.directions[(d, j)]
            }),
            ridge: columns.fold_in_ridge,
        });
        Standardizer { columns: self.columns.columns.iter().map(standard_column).collect(), fill }
    }
}

impl Columns {
    /// Directions, spreads and unit from sums over the instances.
    fn factorize_sums(&mut self, rank: usize, moments: &Moments) {
        let n = moments.count as f64;
        self.take_directions(rank, &moments.gram, n);
        let first = self.directions.rows().into_iter().next().map(|v| v.to_owned());
        let sd = first.map_or(0.0, |v| deviation_along(&v, moments));
        self.unit = if sd > CONSTANT { sd } else { 1.0 };
    }

    /// The scale of each view: the spread of its mean.
    fn scale_views_by(&mut self, moments: &Moments) {
        for view in [View::Probability, View::LogOdds] {
            let along = |c: &Column| if c.view == view { c.own_scale } else { 0.0 };
            let scales: Array1<f64> = self.columns.iter().map(along).collect();
            let count = self.columns.iter().filter(|column| column.view == view).count() as f64;
            self.set_view_scale(view, deviation_along(&scales, moments) / count);
        }
    }
}

/// Standard deviation of v . g over the instances.
fn deviation_along(v: &Array1<f64>, moments: &Moments) -> f64 {
    let n = moments.count as f64;
    // Sums of products about a center near the mean: the correction for the mean is small, no digits are
    // lost.
    let mean = moments.sum.iter().zip(v).map(|(sum, v)| sum * v).sum::<f64>() / n;
    (v.dot(&moments.gram.dot(v)) / n - mean * mean).max(0.0).sqrt()
}
