//! Simple ways to combine and to fill gaps, beside which the recommended combiner is measured.

use cf_ensemble::baselines::{Baseline, LOGIT_CLIP};
use cf_ensemble::calibration::{CalibrationMethod, Calibrator};
use cf_ensemble::logistic::{LogisticFit, LogisticRegression};
use cf_ensemble::losses::{logit, sigmoid};
use cf_ensemble::recommended::{Recommended, RecommendedSpec};
use cf_ensemble::validation::{Folds, StratifiedKFold};
use cf_ensemble::{EnsembleData, Result, SupervisedLoss};
use ndarray::{Array2, ArrayView1, Axis};

/// Ridges that are chosen among, in units of log-likelihood on standardized columns.
const RIDGES: [f64; 4] = [1.0, 10.0, 100.0, 1000.0];
/// Folds of the choice of a ridge, and of out-of-fold scores.
const FOLDS: usize = 5;

/// A simple way to combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Simple {
    /// Each classifier calibrated by Platt scaling, the mean of those that predict.
    PlattMean,
    /// The mean of those that predict, calibrated by Platt scaling.
    MeanPlatt,
    /// `avg4`, calibrated by Platt scaling on out-of-fold scores.
    Average4Platt,
    /// The mean of the log-odds of that and of the recommended combiner.
    Average4PlattRecommended,
    /// Log-odds with gaps at the median, and a ridge on them.
    MedianRidge,
    /// The same with a column for each classifier that says where it has a gap.
    IndicatorRidge,
}

/// (way, name of the method, what it does)
const TABLE: [(Simple, &str, &str); 6] = [
    (Simple::PlattMean, "platt_mean", "mean of classifiers, each after Platt scaling"),
    (Simple::MeanPlatt, "mean_platt", "mean probability, then Platt scaling"),
    (Simple::Average4Platt, "avg4_platt", "avg4, then Platt scaling on out-of-fold scores"),
    (
        Simple::Average4PlattRecommended,
        "avg4_platt_recommended",
        "mean of the log-odds of avg4_platt and recommended",
    ),
    (Simple::MedianRidge, "median_ridge", "gaps at the median, then a ridge on log-odds by cross-validation"),
    (Simple::IndicatorRidge, "indicator_ridge", "median_ridge with indicators of gaps"),
];

impl Simple {
    /// Every way.
    pub fn all() -> impl Iterator<Item = Simple> {
        TABLE.into_iter().map(|row| row.0)
    }

    fn row(self) -> (&'static str, &'static str) {
        let row = TABLE.into_iter().find(|row| row.0 == self);
        row.map(|row| (row.1, row.2)).expect("the table has a row for each way")
    }

    /// Name in tables and files.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// What it does, in a few words.
    pub fn description(self) -> &'static str {
        self.row().1
    }

    /// Learns from the labeled instances of `data` and gives probabilities of the instances `test`.
    ///
    /// # Errors
    /// As [`Baseline::fit`].
    pub fn probabilities(self, data: &EnsembleData, test: &[usize], seed: u64) -> Result<Vec<f64>> {
        // The cheapest baseline that needs both classes, fitted for its refusals alone.
        // Refuses labels of one class, or none.
        Baseline::BestSingle.fit(data)?;
        match self {
            Simple::PlattMean => platt_mean(data, test),
            Simple::MeanPlatt => {
                let fitted = Baseline::Mean.fit(data)?;
                let train =
                    log_odds(&fitted.predict(data.predictions().select(Axis(1), data.labeled()).view())?);
                let platt = Calibrator::fit(CalibrationMethod::Platt, &train, &data.labeled_targets(), None)?;
                let scored = fitted.predict(data.predictions().select(Axis(1), test).view())?;
                Ok(platt.apply_all(&log_odds(&scored)))
            }
            Simple::Average4Platt => average4_platt(data, test, seed),
            Simple::Average4PlattRecommended => {
                let platt = average4_platt(data, test, seed)?;
                let spec = RecommendedSpec { seed, ..RecommendedSpec::default() };
                let recommended = Recommended::try_from(spec)?.fit(data)?.model;
                // Both have the whole training; the mean is taken of log-odds, as within the recommended
                // combiner.
                let recommended = recommended.predict(data.predictions().select(Axis(1), test).view())?;
                let both = log_odds(&platt).into_iter().zip(recommended.logits);
                Ok(both.map(|(a, b)| sigmoid(f64::midpoint(a, b))).collect())
            }
            Simple::MedianRidge => ridge(data, test, seed, false),
            Simple::IndicatorRidge => ridge(data, test, seed, true),
        }
    }
}

fn log_odds(probabilities: &[f64]) -> Vec<f64> {
    probabilities.iter().map(|&p| logit(p, LOGIT_CLIP)).collect()
}

/// Stratified folds of the labeled instances; `None` where a class has a single one.
fn folds(data: &EnsembleData, seed: u64) -> Result<Option<Folds>> {
    let (negatives, positives) = data.class_counts();
    let smaller = negatives.min(positives);
    let folds = StratifiedKFold { n_splits: FOLDS.min(smaller), seed };
    if smaller < 2 { Ok(None) } else { folds.assign(&data.labeled_targets()).map(Some) }
}

fn platt_mean(data: &EnsembleData, test: &[usize]) -> Result<Vec<f64>> {
    let (negatives, positives) = data.class_counts();
    // What a row without any prediction gets, as the recommended combiner gives it.
    let prevalence = (positives as f64 + 0.5) / ((negatives + positives) as f64 + 1.0);
    let mut sums = vec![(0.0, 0.0); test.len()];
    for row in data.predictions().outer_iter() {
        let observed: Vec<usize> = data.labeled().iter().copied().filter(|&i| !row[i].is_nan()).collect();
        if observed.is_empty() {
            continue;
        }
        let z: Vec<f64> = observed.iter().map(|&i| logit(row[i], LOGIT_CLIP)).collect();
        let labels: Vec<bool> = observed.iter().map(|&i| data.labels()[i] == Some(true)).collect();
        let platt = Calibrator::fit(CalibrationMethod::Platt, &z, &labels, None)?;
        for ((sum, count), &i) in sums.iter_mut().zip(test) {
            if !row[i].is_nan() {
                *sum += platt.apply(logit(row[i], LOGIT_CLIP));
                *count += 1.0;
            }
        }
    }
    let mean = |(sum, count): (f64, f64)| if count > 0.0 { sum / count } else { prevalence };
    Ok(sums.into_iter().map(mean).collect())
}

fn average4_platt(data: &EnsembleData, test: &[usize], seed: u64) -> Result<Vec<f64>> {
    let scored = Baseline::Average4.fit(data)?.predict(data.predictions().select(Axis(1), test).view())?;
    // A class with one row cannot be held out. The scores then stay as they are.
    let Some(folds) = folds(data, seed)? else { return Ok(scored) };
    let labeled = data.select_instances(data.labeled())?;
    let mut held_out = vec![0.0; labeled.n_instances()];
    for fold in 0..folds.n_splits() {
        let (train, rows) = (labeled.select_instances(&folds.train(fold))?, folds.test(fold));
        let held =
            Baseline::Average4.fit(&train)?.predict(labeled.predictions().select(Axis(1), &rows).view())?;
        rows.iter().zip(held).for_each(|(&p, score)| held_out[p] = score);
    }
    let labels = labeled.labeled_targets();
    let platt = Calibrator::fit(CalibrationMethod::Platt, &log_odds(&held_out), &labels, None)?;
    Ok(platt.apply_all(&log_odds(&scored)))
}

/// What a column is before a ridge sees it.
struct Column {
    classifier: usize,
    /// Whether it says where a gap is, in place of log-odds.
    indicator: bool,
    median: f64,
    center: f64,
    scale: f64,
}

impl Column {
    /// Learned from the instances `rows`; `None` if they do not vary.
    fn new(row: ArrayView1<'_, f64>, classifier: usize, rows: &[usize], indicator: bool) -> Option<Self> {
        // The median and the scale are learned from the rows of the fit alone, and so without the fold.
        let mut observed: Vec<f64> = rows.iter().map(|&i| row[i]).filter(|p| !p.is_nan()).collect();
        observed.sort_by(f64::total_cmp);
        let median = logit(observed.get(observed.len() / 2).copied().unwrap_or(0.5), LOGIT_CLIP);
        let mut column = Self { classifier, indicator, median, center: 0.0, scale: 1.0 };
        let raw: Vec<f64> = rows.iter().map(|&i| column.of(row[i])).collect();
        let n = raw.len() as f64;
        column.center = raw.iter().sum::<f64>() / n;
        column.scale = (raw.iter().map(|x| (x - column.center).powi(2)).sum::<f64>() / n).sqrt();
        (column.scale > 1e-12).then_some(column)
    }

    fn of(&self, p: f64) -> f64 {
        let raw = match (self.indicator, p.is_nan()) {
            (true, gone) => f64::from(u8::from(gone)),
            (false, true) => self.median,
            (false, false) => logit(p, LOGIT_CLIP),
        };
        (raw - self.center) / self.scale
    }
}

/// Columns of `data` as learned from the instances `rows`, and their values (columns x instances) for any.
fn design(data: &EnsembleData, rows: &[usize], indicators: bool) -> Vec<Column> {
    let kinds = if indicators { &[false, true][..] } else { &[false][..] };
    let r = data.predictions();
    let of_kind = |&kind: &bool| (0..r.nrows()).filter_map(move |u| Column::new(r.row(u), u, rows, kind));
    kinds.iter().flat_map(of_kind).collect()
}

fn values(data: &EnsembleData, columns: &[Column], rows: &[usize]) -> Array2<f64> {
    let r = data.predictions();
    Array2::from_shape_fn((columns.len(), rows.len()), |(j, i)| {
        columns[j].of(r[(columns[j].classifier, rows[i])])
    })
}

/// Logistic regression with a ridge that cross-validation chooses.
fn ridge(data: &EnsembleData, test: &[usize], seed: u64, indicators: bool) -> Result<Vec<f64>> {
    // Medians, scales and weights of one set of rows at one strength.
    let fit = |rows: &[usize], strength: f64| -> Result<(Vec<Column>, LogisticFit)> {
        let columns = design(data, rows, indicators);
        let labels: Vec<bool> = rows.iter().map(|&i| data.labels()[i] == Some(true)).collect();
        let spec = LogisticRegression { lambda: strength / rows.len() as f64, ..Default::default() };
        let fit = spec.fit(values(data, &columns, rows).view(), &labels, None)?;
        Ok((columns, fit))
    };
    let held_out_loss = |strength: f64, folds: &Folds| -> Result<f64> {
        let mut loss = 0.0;
        for fold in 0..folds.n_splits() {
            let rows_of = |places: Vec<usize>| places.iter().map(|&p| data.labeled()[p]).collect::<Vec<_>>();
            let (columns, fit) = fit(&rows_of(folds.train(fold)), strength)?;
            let held = rows_of(folds.test(fold));
            let logits = fit.logits(values(data, &columns, &held).view())?;
            let losses = logits
                .iter()
                .zip(&held)
                .map(|(&z, &i)| SupervisedLoss::Bce.value(z, data.labels()[i] == Some(true)));
            loss += losses.sum::<f64>();
        }
        Ok(loss)
    };
    // The least held-out loss over all rows chooses; where no row can be held out, the strongest ridge is
    // safest.
    let strength = match folds(data, seed)? {
        Some(folds) => {
            let losses = RIDGES.iter().map(|&strength| Ok((held_out_loss(strength, &folds)?, strength)));
            let losses = losses.collect::<Result<Vec<(f64, f64)>>>()?;
            losses.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, strength)| strength)
        }
        None => None,
    };
    let (columns, fit) = fit(data.labeled(), strength.unwrap_or(RIDGES[RIDGES.len() - 1]))?;
    let logits = fit.logits(values(data, &columns, test).view())?;
    Ok(logits.into_iter().map(sigmoid).collect::<Vec<f64>>())
}
