//! More than two classes: one binary fit for each class, coupled to one distribution.
//!
//! [`fit()`] takes [`ClassData`] to a [`ClassModel`]. Class k against all others is a binary problem, fitted
//! whole by any trainer or baseline; all classes share one set of folds. A [`Coupling`] turns the K
//! log-odds of a row into one distribution, and a [`Decision`] the distribution into a class. For K = 2 the
//! binary fit itself is taken, with its bits.
//!
//! | what happens | answer |
//! |---|---|
//! | a class has fewer than 2 labeled rows | nobody can learn whom to trust for it: its probability is the mean of the classifiers (soft voting), the learned classes share the rest, and a warning names it |
//! | a classifier never heard of a class | it has no say on that class |
//! | given folds hold out all rows of a class at once | as with fewer than 2 rows |
//! | no row of a class comes before a fold in time | the rows of the fold have the mean of the classifiers for the class |
//! | no classifier heard of a class | [`Error::ClassWithoutPrediction`](cfe_core::Error::ClassWithoutPrediction) |
//! | a class is seen at predict only | its column is taken off, the others are scaled to the sum 1 ([`ClassPredictions::align`]); rows labeled with it are left out of measures, and counted |
//! | a classifier gave no prediction for a row | as for two classes; a row without any has about the shares of the classes |
//!
//! ```
//! use cf_ensemble::FitOptions;
//! use cf_ensemble::classes::{ClassData, ClassOptions, ClassPredictions, fit};
//! use ndarray::Array3;
//!
//! // Two classifiers, 60 rows, three classes: row i is of class i % 3.
//! let values = Array3::from_shape_fn((2, 60, 3), |(u, i, k)| {
//!     let right = 0.4 + 0.1 * ((i * (3 + u)) % 5) as f64;
//!     if k == i % 3 { right } else { (1.0 - right) / 2.0 }
//! });
//! let names = ["forest", "svm"].map(String::from).to_vec();
//! let classes = ["cat", "dog", "owl"].map(String::from).to_vec();
//! let predictions = ClassPredictions::new(values, names, classes)?;
//! let data = ClassData::new(predictions, (0..60).map(|i| (i < 45).then_some(i % 3)).collect())?;
//! let fitted = fit(&data, &FitOptions::default(), &ClassOptions::default(), &())?;
//! assert_eq!(fitted.combined.decisions[59], 2);
//! assert!((fitted.combined.probabilities.row(59).sum() - 1.0).abs() < 1e-12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod baselines;
mod binary;
mod binary_fit;
mod couple;
mod decide;
mod decision_rule;
mod fit;
mod folds;
mod judge;
mod model;
mod options;
mod outcome;
mod rows;
mod saved;

pub use cfe_core::classes::{ClassData, ClassPredictions, ROUNDING, TOLERANCE, normalize};

pub use baselines::{ClassBaseline, FittedClassBaseline};
pub use couple::{Coupling, CouplingMethod};
pub use decide::Decision;
pub use decision_rule::DecisionRule;
pub use fit::{fit, fit_baseline, fit_planned};
pub use folds::class_folds;
pub(crate) use judge::side_by_side;
pub use judge::{
    ClassIntervals, ClassMethodMetrics, ClassPart, class_trust, judge_rows, judge_rows_at_costs, judge_table,
    measure_distributions,
};
pub use model::{ClassCombined, ClassModel, ClassTrust};
pub use options::ClassOptions;
pub use outcome::{ClassOutcome, FEW_ROWS, few_rows};
pub use rows::ClassRows;
pub use saved::CLASSES_KIND;
