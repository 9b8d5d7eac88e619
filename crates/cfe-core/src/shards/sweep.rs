//! The sums of a sweep of alternating least squares.
//!
//! Y is computed from X panel by panel, used while it is in cache, and forgotten.

use std::any::Any;
use std::borrow::Cow;

use ndarray::{Array2, ArrayView2, CowArray, Ix2};

use super::block::Panel;
use super::{Block, Late, Point, Step, Sums, Sweep, panel};
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::factors::combine;
use crate::losses::{SupervisedLoss, quadratic_bound};
use crate::objective::labeled::{add_scores, add_weighted};
use crate::ridge::{self, InstanceSums, NormalEquations, Scalar, Workspace};
use crate::rows::rows_of;
use crate::weights::Costs;

/// What a sweep adds up. Y belongs to the X of the request.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SweepSums {
    /// The equations of the next X, with the squared error and |Y|^2 of this one, where they are asked for.
    pub equations: Option<(NormalEquations, InstanceSums)>,
    /// Labeled instances.
    pub labeled: f64,
    /// sum y over the labeled (d).
    pub sum_y: Vec<f64>,
    /// For [`Step::Gradient`].
    pub gradient: Option<GradientSums>,
    /// For [`Step::Bound`].
    pub bound: Option<BoundSums>,
    /// At the late point: the objective's own loss, and the plain mean BCE that the published tolerance
    /// refers to.
    pub late: Option<(LossSums, LossSums)>,
}

/// sum a l and sum a over the labeled instances.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct LossSums {
    /// sum a l.
    pub loss: f64,
    /// sum a.
    pub weight: f64,
}

impl LossSums {
    /// The weighted mean; 0 without weight.
    pub fn mean(&self) -> f64 {
        if self.weight > 0.0 { self.loss / self.weight } else { 0.0 }
    }
}

/// g_i = a_i times the derivative of the loss in the logit.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GradientSums {
    /// sum a.
    pub weight: f64,
    /// sum g.
    pub bias: f64,
    /// sum g y (d).
    pub direction: Vec<f64>,
}

/// Moments with c_i = a_i kappa_i, residuals t_i - z_i and y_i less the center of the request.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BoundSums {
    /// sum a.
    pub total: f64,
    /// sum c.
    pub weight: f64,
    /// sum c residual.
    pub residual: f64,
    /// sum c y (d).
    pub mean: Vec<f64>,
    /// sum c residual y (d).
    pub cross: Vec<f64>,
    /// sum c y y^T, lower triangle row by row.
    pub square: Vec<f64>,
}

impl SweepSums {
    /// From the flat numbers of [`of_panel`]; `None` if there are more or fewer.
    pub(super) fn read(request: &Sweep, added: Vec<f64>) -> Option<Self> {
        // The numbers have no names on the way: they are taken in the order in which `of_panel` adds them.
        let (d, m) = request.at.classifiers.dim();
        let mut rest = added.into_iter();
        let mut take = |count: usize| -> Option<Vec<f64>> {
            let taken: Vec<f64> = rest.by_ref().take(count).collect();
            (taken.len() == count).then_some(taken)
        };
        let triangle = d * (d + 1) / 2;
        let equations = match request.equations {
            true => {
                let equations = NormalEquations::from_sums(m, d, take(m * triangle)?, take(m * d)?);
                let sums = take(2)?;
                Some((equations, InstanceSums { squared_error: sums[0], squared_norm: sums[1] }))
            }
            false => None,
        };
        let (labeled, sum_y) = (take(1)?[0], take(d)?);
        let gradient = match request.step {
            Step::Gradient => {
                let head = take(2)?;
                Some(GradientSums { weight: head[0], bias: head[1], direction: take(d)? })
            }
            _ => None,
        };
        let bound = match request.step {
            Step::Bound { .. } => {
                let head = take(3)?;
                let (total, weight, residual) = (head[0], head[1], head[2]);
                let (mean, cross, square) = (take(d)?, take(d)?, take(triangle)?);
                Some(BoundSums { total, weight, residual, mean, cross, square })
            }
            _ => None,
        };
        let late = match request.late {
            Some(_) => {
                let loss_sums = |pair: Vec<f64>| LossSums { loss: pair[0], weight: pair[1] };
                Some((loss_sums(take(2)?), loss_sums(take(2)?)))
            }
            None => None,
        };
        // One number too many means other settings, and the whole is refused.
        rest.next().is_none().then_some(Self { equations, labeled, sum_y, gradient, bound, late })
    }
}

pub(super) fn of_block(request: &Sweep, block: &Block<'_>) -> Result<Sums> {
    match request.dtype {
        Dtype::F64 => {
            let workspace = Workspace::<f64>::new();
            panel::tree_with(block, &|panel, memory| of_panel(request, &workspace, panel, memory))
        }
        Dtype::F32 => {
            let workspace = Workspace::<f32>::new();
            panel::tree_with(block, &|panel, memory| of_panel(request, &workspace, panel, memory))
        }
    }
}

/// Large arrays of a panel, whose memory the next panel uses again.
#[derive(Default)]
struct Memory<T> {
    /// Y of all instances.
    y: Vec<T>,
    /// Predictions and Y of the labeled instances.
    predictions: Vec<f64>,
    labeled_y: Vec<T>,
}

/// A matrix in memory that was used before; its numbers are old ones.
fn matrix<T: Scalar>(memory: &mut Vec<T>, shape: (usize, usize)) -> Array2<T> {
    let mut numbers = std::mem::take(memory);
    numbers.resize(shape.0 * shape.1, T::ZERO);
    Array2::from_shape_vec(shape, numbers).expect("as many numbers as the shape has")
}

/// The sums of one panel, in the order in which [`SweepSums::read`] takes them.
fn of_panel<T: Scalar>(
    request: &Sweep,
    workspace: &Workspace<T>,
    panel: &Panel<'_>,
    memory: &mut Memory<T>,
) -> Result<Sums> {
    // The order of what is added is that of `SweepSums::read`.
    let some = Labeled::new(*panel);
    let labeled = &some.places;
    let mut added = Vec::new();
    let (d, n) = (request.at.classifiers.nrows(), panel.labels.len());
    // Y of all instances where X is wanted, else of the labeled alone.
    let (y, columns): (Array2<T>, Cow<'_, [usize]>) = if request.equations {
        let x = request.at.classifiers.mapv(T::from_f64);
        let rule = request.confidence.on_block(panel.predictions, panel.labels, panel.confidence);
        let (lambda, mut y) = (T::from_f64(request.lambda), matrix(&mut memory.y, (d, n)));
        let sums = ridge::update_block(workspace, &rule, x.view(), lambda, &mut y, true)
            .map_err(|error| at_instance(error, panel, |i| i))?;
        let equations = ridge::block_normal_equations(workspace, &rule, y.view())?;
        added.extend(equations.gram);
        added.extend(equations.rhs);
        added.extend([sums.squared_error, sums.squared_norm]);
        (y, Cow::Borrowed(labeled.as_slice()))
    } else {
        let y = some.fold(request, workspace, &request.at.classifiers, memory)?;
        (y, Cow::Owned((0..labeled.len()).collect()))
    };
    // Sums of the supervised part are in f64, whatever format the systems have.
    let wide = doubles(&y);
    let instances = Instances { y: rows_of(&wide), n: y.ncols(), columns: &columns };
    added.push(labeled.len() as f64);
    let mut sum_y = vec![0.0; d];
    add_weighted(instances.y, instances.n, &vec![1.0; labeled.len()], &columns, &mut sum_y);
    added.extend(sum_y);
    // What w and b need at this point, and the loss at the point before, one pass late.
    match &request.step {
        Step::Frozen => {}
        Step::Gradient => added.extend(gradient(request, &some, &instances)),
        Step::Bound { center } => added.extend(bound(request, center, &some, &instances)),
    }
    if let Some(late) = &request.late {
        added.extend(losses(request, late, workspace, &some, memory)?);
    }
    // The memory goes back, so that the next panel of this thread allocates nothing.
    drop(wide);
    memory.y = y.into_raw_vec_and_offset().0;
    Ok(Sums::added(added))
}

/// Columns of a Y that is stored row by row.
struct Instances<'a> {
    y: &'a [f64],
    n: usize,
    columns: &'a [usize],
}

impl Instances<'_> {
    fn logits(&self, point: &Point) -> Vec<f64> {
        let v = combine(point.classifiers.view(), &point.weights);
        let mut logits = vec![point.bias; self.columns.len()];
        add_scores(self.y, self.n, &v, self.columns, &mut logits);
        logits
    }
}

/// sum a, sum g, sum g y.
fn gradient(request: &Sweep, some: &Labeled<'_>, instances: &Instances<'_>) -> Vec<f64> {
    let logits = instances.logits(&request.at);
    let weights = some.weights(request.step_weights, &request.costs);
    let mut g = vec![0.0; logits.len()];
    request.loss.weighted_sum(&logits, &some.targets, &weights, 1.0, Some(&mut g));
    let mut direction = vec![0.0; request.at.classifiers.nrows()];
    add_weighted(instances.y, instances.n, &g, instances.columns, &mut direction);
    let mut sums = vec![weights.iter().sum(), g.iter().sum()];
    sums.extend(direction);
    sums
}

/// sum a, sum c, sum c residual, sum c y, sum c residual y, sum c y y^T.
fn bound(request: &Sweep, center: &[f64], some: &Labeled<'_>, instances: &Instances<'_>) -> Vec<f64> {
    let logits = instances.logits(&request.at);
    let weights = some.weights(request.step_weights, &request.costs);
    let d = center.len();
    let (mut head, mut mean, mut cross) = ([0.0; 3], vec![0.0; d], vec![0.0; d]);
    let mut square = vec![0.0; d * (d + 1) / 2];
    let mut y = vec![0.0; d];
    for (k, (&z, &label)) in logits.iter().zip(&some.targets).enumerate() {
        // Focal loss by lagged weights, as in memory.
        // kappa makes the parabola that touches the loss at z (docs/exact-als.md, "The bound").
        let touching = quadratic_bound(z, request.loss.target(label));
        let c = weights[k] * request.loss.focal_factor(z, label) * touching.kappa;
        let residual = touching.target - z;
        head[0] += weights[k];
        head[1] += c;
        head[2] += c * residual;
        let column = instances.columns[k];
        let rows = instances.y.chunks_exact(instances.n);
        // Moments about the center, as differences of large sums would lose digits.
        y.iter_mut().zip(rows.zip(center)).for_each(|(y, (row, center))| *y = row[column] - center);
        let mut place = square.iter_mut();
        for (a, &y_a) in y.iter().enumerate() {
            mean[a] += c * y_a;
            cross[a] += c * residual * y_a;
            place.by_ref().zip(&y[..=a]).for_each(|(sum, y_b)| *sum += c * y_a * y_b);
        }
    }
    head.into_iter().chain(mean).chain(cross).chain(square).collect()
}

/// sum a l and sum a at the late point, of the objective and of the plain BCE.
fn losses<T: Scalar>(
    request: &Sweep,
    late: &Late,
    workspace: &Workspace<T>,
    some: &Labeled<'_>,
    memory: &mut Memory<T>,
) -> Result<[f64; 4]> {
    let y = some.fold(request, workspace, &late.classifiers, memory)?;
    let logits = late.aggregator.logits(late.classifiers.view(), doubles(&y).view());
    memory.labeled_y = y.into_raw_vec_and_offset().0;
    let weighted_loss = |loss: SupervisedLoss, weights: Vec<f64>| {
        let sum = loss.weighted_sum(&logits, &some.targets, &weights, 1.0, None);
        [sum, weights.iter().sum()]
    };
    let own = weighted_loss(request.loss, some.weights(request.loss_weights, &request.costs));
    let plain = weighted_loss(SupervisedLoss::Bce, some.weights((1.0, 1.0), &Costs::default()));
    Ok([own[0], own[1], plain[0], plain[1]])
}

/// The labeled instances of a panel, side by side.
struct Labeled<'a> {
    panel: Panel<'a>,
    places: Vec<usize>,
    targets: Vec<bool>,
}

impl<'a> Labeled<'a> {
    fn new(panel: Panel<'a>) -> Self {
        let places = panel.labeled();
        let targets = places.iter().map(|&i| panel.labels[i] == Some(true)).collect();
        Self { panel, places, targets }
    }

    /// Class weight x sample weight x cost.
    fn weights(&self, (negative, positive): (f64, f64), costs: &Costs) -> Vec<f64> {
        // Costs read the cells of a column, which is skipped where no cost was set.
        let plain = *costs == Costs::default();
        let weight_of = |(&i, &label): (&usize, &bool)| {
            let of_class = if label { positive } else { negative };
            let weight = of_class * self.panel.sample_weight(i);
            if plain { weight } else { weight * costs.factor(label, self.panel.predictions.column(i)) }
        };
        self.places.iter().zip(&self.targets).map(weight_of).collect()
    }

    /// Their Y (d x labeled) for an X.
    fn fold<T: Scalar>(
        &self,
        request: &Sweep,
        workspace: &Workspace<T>,
        classifiers: &Array2<f64>,
        memory: &mut Memory<T>,
    ) -> Result<Array2<T>> {
        let (x, lambda) = (classifiers.mapv(T::from_f64), T::from_f64(request.lambda));
        // The labeled instances are copied side by side, so that the kernel computes no other Y.
        let mut y = matrix(&mut memory.labeled_y, (x.nrows(), self.places.len()));
        if !self.places.is_empty() {
            let predictions = columns_of(self.panel.predictions, &self.places, &mut memory.predictions);
            let given = self.panel.confidence;
            let given = given.map(|given| columns_of(given, &self.places, &mut Vec::new()));
            let labels: Vec<Option<bool>> = self.targets.iter().map(|&label| Some(label)).collect();
            let given = given.as_ref().map(|given| given.view());
            let rule = request.confidence.on_block(predictions.view(), &labels, given);
            ridge::update_block(workspace, &rule, x.view(), lambda, &mut y, false)
                .map_err(|error| at_instance(error, &self.panel, |k| self.places[k]))?;
            drop(rule);
            memory.predictions = predictions.into_raw_vec_and_offset().0;
        }
        Ok(y)
    }
}

/// Some columns of a matrix, classifier by classifier: `select` of ndarray takes them column by column, which
/// touches every line of the cache once for each.
fn columns_of(given: ArrayView2<'_, f64>, places: &[usize], memory: &mut Vec<f64>) -> Array2<f64> {
    let mut out = matrix(memory, (given.nrows(), places.len()));
    for (mut to, from) in out.rows_mut().into_iter().zip(given.rows()) {
        to.iter_mut().zip(places).for_each(|(to, &place)| *to = from[place]);
    }
    out
}

/// Y in f64, which is Y itself where the number format is f64.
fn doubles<T: Scalar>(y: &Array2<T>) -> CowArray<'_, f64, Ix2> {
    match (y as &dyn Any).downcast_ref::<Array2<f64>>() {
        Some(y) => CowArray::from(y.view()),
        None => CowArray::from(y.mapv(|v| v.to_f64())),
    }
}

/// Numbers a singular instance among all.
fn at_instance(error: Error, panel: &Panel<'_>, place: impl Fn(usize) -> usize) -> Error {
    match error {
        Error::NotPositiveDefinite { side, index, lambda } => {
            let index = usize::try_from(panel.first).unwrap_or(usize::MAX).saturating_add(place(index));
            Error::NotPositiveDefinite { side, index, lambda }
        }
        error => error,
    }
}
