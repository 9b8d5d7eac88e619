//! Training of the forests, by smartcore.

use ndarray::Array2;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;
use rayon::prelude::*;
use serde::Deserialize;
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::forest::{Forest, Node};
use super::model::{CellErrors, Column, N_FEATURES, N_STATISTICS};
use crate::data::EnsembleData;
use crate::error::{Error, Result};
use crate::validation::StratifiedKFold;

/// Cells a forest is trained on at most, drawn by seed: more hardly change nine features, and time grows with
/// them.
const MAX_CELLS: usize = 20_000;
/// Cells in a leaf at least: a leaf is the mean of an error that is mostly near 0 or near 1.
const MIN_LEAF: usize = 10;
/// Folds over the labeled instances.
const FOLDS: usize = 5;

type Regressor = RandomForestRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>;

#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) n_trees: usize,
    pub(super) max_depth: u16,
    pub(super) seed: u64,
}

/// The forest over all labels with the confidence of the training cells.
pub(super) fn fit(data: &EnsembleData, settings: Settings) -> Result<(CellErrors, Array2<f64>)> {
    let labeled = data.labeled();
    // The forest over all labels serves new instances and the unlabeled training cells.
    let all = on(data, labeled, settings)?;
    let mut confidence = all.confidence(data.predictions());
    // A single labeled instance cannot be held out, so its cells keep what the forest that saw it says.
    if labeled.len() < 2 {
        return Ok((all, confidence));
    }
    let n_splits = FOLDS.min(labeled.len());
    let folds = StratifiedKFold { n_splits, seed: settings.seed }.assign(&data.labeled_targets())?;
    let instances = |positions: Vec<usize>| positions.into_iter().map(|k| labeled[k]).collect::<Vec<usize>>();
    let fitted: Vec<CellErrors> = (0..n_splits)
        .into_par_iter()
        .map(|fold| on(data, &instances(folds.train(fold)), settings))
        .collect::<Result<_>>()?;
    // The cells of a labeled instance take the confidence of the forest that did not see its label.
    for (fold, model) in fitted.iter().enumerate() {
        for i in instances(folds.test(fold)) {
            let of_column = model.of_column(data.predictions().column(i));
            confidence.column_mut(i).iter_mut().zip(of_column).for_each(|(c, new)| *c = new);
        }
    }
    Ok((all, confidence))
}

/// A model of the cells of some labeled instances.
fn on(data: &EnsembleData, instances: &[usize], settings: Settings) -> Result<CellErrors> {
    let r = data.predictions();
    let label = |i: usize| if data.labels()[i] == Some(true) { 1.0 } else { 0.0 };
    // The features read these statistics, so the statistics come first. They come from the same instances as
    // the cells, so that a held-out fold stays held out in both.
    let mut model =
        CellErrors { forest: Forest::default(), classifiers: statistics(data, instances, &label) };
    let m = data.n_classifiers();
    let mut cells: Vec<(usize, usize)> = instances
        .iter()
        .flat_map(|&i| (0..m).map(move |u| (u, i)))
        .filter(|&cell| !r[cell].is_nan())
        .collect();
    if cells.is_empty() {
        return Ok(model);
    }
    if cells.len() > MAX_CELLS {
        let mut rng = ChaCha12Rng::seed_from_u64(settings.seed);
        let (drawn, _) = cells.partial_shuffle(&mut rng, MAX_CELLS);
        let mut drawn = drawn.to_vec();
        drawn.sort_unstable();
        cells = drawn;
    }
    let mut features = Vec::with_capacity(cells.len() * N_FEATURES);
    for &(u, i) in &cells {
        features.extend(model.features(u, r[(u, i)], &Column::new(r.column(i))));
    }
    let targets: Vec<f64> = cells.iter().map(|&(u, i)| (r[(u, i)] - label(i)).abs()).collect();
    model.forest = train(features, &targets, settings).map_err(backend)?;
    // The nodes came through the form that smartcore serializes, which this crate does not control.
    model.forest.validate(N_FEATURES)?;
    Ok(model)
}

/// Mean and variance of r, and Brier score; 0 for a classifier without labeled cells.
fn statistics(data: &EnsembleData, instances: &[usize], label: &dyn Fn(usize) -> f64) -> Array2<f64> {
    let mut out = Array2::zeros((data.n_classifiers(), N_STATISTICS));
    for (u, mut row) in out.rows_mut().into_iter().enumerate() {
        let cells: Vec<(f64, f64)> = instances
            .iter()
            .map(|&i| (data.predictions()[(u, i)], label(i)))
            .filter(|(r, _)| !r.is_nan())
            .collect();
        let mean_of =
            |f: &dyn Fn(&(f64, f64)) -> f64| cells.iter().map(f).sum::<f64>() / cells.len().max(1) as f64;
        let mean = mean_of(&|(r, _)| *r);
        row[0] = mean;
        row[1] = mean_of(&|(r, _)| (r - mean) * (r - mean));
        row[2] = mean_of(&|(r, y)| (r - y) * (r - y));
    }
    out
}

fn backend(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Backend { backend: "random forest", source: Box::new(source) }
}

/// What smartcore writes of a forest; its nodes are not public otherwise.
#[derive(Deserialize)]
struct Written {
    forest_regressor: WrittenForest,
}

#[derive(Deserialize)]
struct WrittenForest {
    trees: Vec<WrittenTree>,
}

#[derive(Deserialize)]
struct WrittenTree {
    nodes: Vec<WrittenNode>,
}

#[derive(Deserialize)]
struct WrittenNode {
    output: f64,
    split_feature: usize,
    split_value: Option<f64>,
    true_child: Option<usize>,
    false_child: Option<usize>,
}

/// Trains on features (row by row) and targets.
fn train(features: Vec<f64>, targets: &[f64], settings: Settings) -> Result<Forest, TrainError> {
    let rows = targets.len();
    let x = DenseMatrix::new(rows, N_FEATURES, features, false)?;
    // A third of the features is tried at each split, the customary number for regression forests.
    let parameters = RandomForestRegressorParameters::default()
        .with_n_trees(settings.n_trees)
        .with_max_depth(settings.max_depth)
        .with_min_samples_leaf(MIN_LEAF)
        .with_m(N_FEATURES / 3)
        .with_seed(settings.seed);
    let regressor = Regressor::fit(&x, &targets.to_vec(), parameters)?;
    let written: Written = serde_json::from_value(serde_json::to_value(&regressor)?)?;
    // smartcore numbers the nodes of each tree from 0; in the one list the numbers move up by its root. A
    // leaf has neither threshold nor children.
    let mut forest = Forest::default();
    for tree in written.forest_regressor.trees {
        let root = forest.nodes.len();
        forest.roots.push(root);
        forest.nodes.extend(tree.nodes.into_iter().map(|node| Node {
            feature: node.split_feature,
            // A leaf has neither a split nor children, and nobody reads these fields of one.
            threshold: node.split_value.unwrap_or(0.0),
            left: node.true_child.map_or(0, |k| root + k),
            right: node.false_child.map_or(0, |k| root + k),
            value: node.output,
        }));
    }
    Ok(forest)
}

/// Why a forest could not be trained.
#[derive(Debug, thiserror::Error)]
enum TrainError {
    #[error(transparent)]
    Fit(#[from] smartcore::error::Failed),
    #[error("the trees cannot be read")]
    Layout(#[from] serde_json::Error),
}

#[cfg(test)]
mod tests {
    use smartcore::linalg::basic::arrays::Array;

    use super::*;
    use crate::synthetic::Correlated;

    /// The nodes are read through smartcore's own serialization: this is the test that the reading is right.
    #[test]
    fn the_forest_predicts_what_smartcore_predicts() {
        let rows = 400;
        let features: Vec<f64> =
            (0..rows * N_FEATURES).map(|k| ((k * 7919) % 1009) as f64 / 1009.0).collect();
        let targets: Vec<f64> = (0..rows).map(|i| (3.0 * features[i * N_FEATURES]).sin().abs()).collect();
        let settings = Settings { n_trees: 7, max_depth: 5, seed: 3 };
        let forest = train(features.clone(), &targets, settings).expect("trains");
        assert!(forest.validate(N_FEATURES).is_ok());
        let x = DenseMatrix::new(rows, N_FEATURES, features.clone(), false).expect("rows");
        assert_eq!(x.shape(), (rows, N_FEATURES));
        let parameters = RandomForestRegressorParameters::default()
            .with_n_trees(7)
            .with_max_depth(5)
            .with_min_samples_leaf(MIN_LEAF)
            .with_m(N_FEATURES / 3)
            .with_seed(3);
        let expected = Regressor::fit(&x, &targets, parameters).and_then(|f| f.predict(&x)).expect("fits");
        for (row, e) in features.chunks(N_FEATURES).zip(expected) {
            assert!((forest.predict(row) - e).abs() < 1e-12);
        }
    }

    #[test]
    fn a_label_does_not_decide_its_own_cells() {
        let data = Correlated { n_instances: 200, ..Correlated::default() }.generate(1).expect("valid").data;
        let settings = Settings { n_trees: 5, max_depth: 4, seed: 1 };
        let (_, confidence) = fit(&data, settings).expect("fits");
        let folds = StratifiedKFold { n_splits: FOLDS, seed: 1 };
        let folds = folds.assign(&data.labeled_targets()).expect("enough");
        let instances = |part: Vec<usize>| part.into_iter().map(|k| data.labeled()[k]).collect::<Vec<_>>();
        let (own, others) = (instances(folds.test(2)), instances(folds.train(2)));
        let mut labels = data.labels().to_vec();
        own.iter().for_each(|&i| labels[i] = labels[i].map(|y| !y));
        let flipped = data.clone().with_labels(labels).expect("same length");
        let model = on(&flipped, &others, settings).expect("fits");
        for &i in &own {
            assert_eq!(model.of_column(data.predictions().column(i)), confidence.column(i).to_vec());
        }
    }
}
