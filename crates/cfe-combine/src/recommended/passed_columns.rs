//! Columns that passes over all labeled instances give, where a fit has a sample of them.

use std::cell::RefCell;

use cfe_core::Result;
use cfe_core::columns::{Fill, StandardColumn, Standardizer};
use cfe_core::shards::{Draw, Engine, Moments, Request, Spread, Survey};
use ndarray::{Array1, Array2, ArrayView2};

use super::columns::{CONSTANT, Column, Columns, FILL_ROUNDS, View};
use super::spec::RecommendedSpec;
use super::survey::{ask, columns_about, looked_at, prior_logit, survey};
use crate::baselines::clip_for;

/// What is known of all labeled instances.
pub(crate) struct Whole {
    pub(super) survey: Survey,
    /// Of the probabilities, then of the log-odds of each classifier.
    pub(super) spreads: Vec<Spread>,
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
