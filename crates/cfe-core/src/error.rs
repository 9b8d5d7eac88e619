//! One error type: a variant for each cause, a message that names the value, the allowed range and the
//! remedy.

/// Result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The half of the factorization a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Columns of X (d x m).
    Classifier,
    /// Columns of Y (d x n).
    Instance,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Side::Classifier => "classifier",
            Side::Instance => "instance",
        })
    }
}

/// Everything that can go wrong between the data and the fitted model. The message says what to change; the
/// variant tells a program what happened.
///
/// The facade re-exports it as `cf_ensemble::Error`.
///
/// ```
/// use cfe_core::{EnsembleData, Error};
/// use ndarray::array;
///
/// let refused = EnsembleData::new(array![[0.9, 1.7]], vec![Some(true), None]);
/// match refused {
///     Err(Error::InvalidProbability { value, .. }) => assert_eq!(value, 1.7),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The prediction matrix has no row or no column.
    #[error(
        "the predictions are {classifiers} classifiers x {instances} instances; at least 1 x 1 is needed"
    )]
    EmptyData {
        /// Rows found.
        classifiers: usize,
        /// Columns found.
        instances: usize,
    },

    /// A prediction is outside [0, 1].
    #[error(
        "classifier {classifier:?}, instance {instance}: {value} is not a probability; \
         allowed are 0 to 1, and NaN for a missing prediction (turn scores into probabilities first)"
    )]
    InvalidProbability {
        /// Name of the classifier.
        classifier: String,
        /// Id of the instance.
        instance: String,
        /// The value found.
        value: f64,
    },

    /// Predictions of several classes hold what is not a probability.
    #[error(
        "{count} of the predictions are not probabilities: {places}; allowed are 0 to 1, and NaN for a missing prediction \
         (turn scores into probabilities first)"
    )]
    ClassProbabilities {
        /// How many there are.
        count: usize,
        /// Classifier, instance, class and value of the first ones.
        places: String,
    },

    /// Classifiers gave probabilities for some of the classes of an instance and none for others.
    #[error(
        "{count} predictions are missing for some of the classes alone: {places}; a classifier gives a probability for each \
         of its classes, or for none (NaN)"
    )]
    ClassesMissing {
        /// How many there are.
        count: usize,
        /// Classifier and instance of the first ones.
        places: String,
    },

    /// The probabilities of the classes do not sum to 1.
    #[error(
        "the classes of {count} predictions do not sum to 1: {places}; {tolerance} beside 1 is allowed: give the \
         probabilities of all classes, as `predict_proba` does, and not scores"
    )]
    ClassSums {
        /// How many there are.
        count: usize,
        /// Classifier, instance and sum of the first ones.
        places: String,
        /// How far beside 1 a sum may be.
        tolerance: f64,
    },

    /// There are not enough classes, or none that a classifier gave a probability for.
    #[error("{found} classes are given; at least 2 are needed, each with a name")]
    TooFewClasses {
        /// Classes found.
        found: usize,
    },

    /// No classifier gave a probability for a class.
    #[error(
        "no classifier gave a probability for the class {class:?}; leave the class out, or give its column"
    )]
    ClassWithoutPrediction {
        /// Its label.
        class: String,
    },

    /// The caller asked for a stop before there was a model.
    ///
    /// Cure: run the fit again.
    #[error("stopped on request before a model was fitted; run the fit again for one")]
    Stopped,

    /// No cell of the prediction matrix is observed.
    #[error("every prediction is missing (NaN); at least one observed probability is needed")]
    NothingObserved,

    /// A list does not have one entry for each classifier or instance.
    ///
    /// Cure: give one entry for each instance, or each classifier, in the order of the matrix.
    #[error("{what}: {found} entries given, {expected} needed")]
    LengthMismatch {
        /// The list in question.
        what: &'static str,
        /// Entries found.
        found: usize,
        /// Entries needed.
        expected: usize,
    },

    /// A matrix has the wrong shape.
    ///
    /// Cure: lay the matrix out as stated; rows are classifiers (or latent dimensions), columns are
    /// instances.
    #[error("{what} is {} x {}, but {} x {} is needed", found.0, found.1, expected.0, expected.1)]
    ShapeMismatch {
        /// The matrix in question.
        what: &'static str,
        /// (rows, columns) found.
        found: (usize, usize),
        /// (rows, columns) needed.
        expected: (usize, usize),
    },

    /// Two classifiers or two instances share a name.
    #[error(
        "the {what} {name:?} occurs twice (entries {first} and {second}, counted from 0); names must be unique"
    )]
    DuplicateName {
        /// "classifier name" or "instance id".
        what: &'static str,
        /// The name.
        name: String,
        /// Position of its first entry, from 0.
        first: usize,
        /// Position of its second entry.
        second: usize,
    },

    /// A weight or confidence is negative, infinite or NaN.
    #[error("{what} at {index}: {value} is not allowed; weights are finite and at least 0")]
    InvalidWeight {
        /// The list in question.
        what: &'static str,
        /// Position in the list.
        index: usize,
        /// The value found.
        value: f64,
    },

    /// All weights are zero.
    #[error("{what} are all 0; at least one must be positive")]
    AllWeightsZero {
        /// The list in question.
        what: &'static str,
    },

    /// Weights, or their products with class weights and costs, are so large or so small that they cannot be
    /// added up.
    #[error(
        "{what} sum to {sum:e}, where 1e-290 to 1e290 is allowed; scale all of them by one factor, so that an instance \
         weighs about 1"
    )]
    WeightSum {
        /// The list in question.
        what: &'static str,
        /// The sum found.
        sum: f64,
    },

    /// No instance has a label.
    #[error(
        "no instance is labeled, so there is nothing to learn the aggregator from; label some, or average"
    )]
    NoLabels,

    /// A fit needs both classes.
    #[error(
        "all {n} labeled instances that count are {class}; both classes are needed: label some of the other, or average"
    )]
    SingleClass {
        /// Labeled instances with a positive weight.
        n: usize,
        /// "negative" or "positive".
        class: &'static str,
    },

    /// A strategy needs the confidence matrix that the data do not carry, or the forest that a model file
    /// lacks.
    #[error(
        "the confidence strategy `given` needs a confidence matrix: add one with `EnsembleData::with_confidence`; \
         `learned` in a model file needs its forest: save the model again"
    )]
    MissingConfidence,

    /// Classifiers or classes that a model was fitted to are not in the data.
    #[error("the {what} {names} is not there; the data have {present}; give what the model was fitted to")]
    UnknownName {
        /// "classifier" or "class".
        what: &'static str,
        /// The names that are missing.
        names: String,
        /// The names that there are.
        present: String,
    },

    /// A parameter is outside its range.
    #[error("{name} = {value} is not allowed; {allowed}")]
    InvalidParameter {
        /// Name of the parameter as in the spec.
        name: &'static str,
        /// The value found.
        value: String,
        /// What is allowed, and what to do.
        allowed: &'static str,
    },

    /// A score passed to a metric is NaN, or its label list is unusable.
    #[error("score {index} is {value}; metrics need finite scores")]
    InvalidScore {
        /// Position in the list.
        index: usize,
        /// The value found.
        value: f64,
    },

    /// A metric was asked for no instance at all.
    #[error("no instance to evaluate; at least one labeled instance with a positive weight is needed")]
    NothingToEvaluate,

    /// A linear system has no unique solution.
    #[error(
        "the system of {side} {index} is singular (lambda = {lambda}); raise lambda above 0, \
         or lower the latent dimension"
    )]
    NotPositiveDefinite {
        /// Which factor was being solved for.
        side: Side,
        /// Its index.
        index: usize,
        /// The ridge in use.
        lambda: f64,
    },

    /// The loss became infinite or NaN, or a million times what it was at first.
    #[error(
        "training diverged in iteration {iteration} (loss {loss}); lower the learning rate or raise lambda, \
         or keep the best state before it with on_divergence = keep_best"
    )]
    Diverged {
        /// 1-based iteration.
        iteration: usize,
        /// The loss found.
        loss: f64,
    },

    /// The instance to be folded in does not fit the model.
    #[error(
        "the model knows {expected} classifiers, the new predictions have {found}; give the same ones in the same order"
    )]
    WrongClassifiers {
        /// Rows found.
        found: usize,
        /// Rows needed.
        expected: usize,
    },

    /// The parameters of a model are finite, but so large that a prediction is not.
    #[error(
        "the logit of instance {instance} is {value}: the model's parameters are too large to add up; train it again, \
         with a larger lambda or ridge"
    )]
    PredictionOverflow {
        /// Position among the instances that were to be predicted.
        instance: usize,
        /// The logit.
        value: f64,
    },

    /// An option needs a feature that this build lacks.
    #[error("this build has no {what}; build with `--features {feature}`")]
    NotCompiledIn {
        /// The option.
        what: &'static str,
        /// The feature of the crate.
        feature: &'static str,
    },

    /// Settings that need all rows at once cannot be fitted in passes over shards.
    #[error(
        "{settings} cannot be fitted in passes over shards; change it, or fit a table that lies in memory"
    )]
    NotSharded {
        /// The settings, as key = value, joined by commas.
        settings: String,
    },

    /// The statistics of shards do not make one whole.
    #[error(transparent)]
    Shards(#[from] crate::shards::ShardError),

    /// A training state belongs to another run.
    #[error(
        "the training state is of another run: {what} was {found}, and is {expected} now; \
         resume with what it was made with, or start anew"
    )]
    OtherRun {
        /// What differs.
        what: String,
        /// As in the state.
        found: String,
        /// As in this run.
        expected: String,
    },

    /// A training state is not whole.
    #[error("the training state is damaged: {what}; resume an earlier one, or start anew")]
    DamagedState {
        /// What is wrong.
        what: String,
    },

    /// A trainer that cannot give or take up its state.
    #[error("the trainer {trainer} keeps no state to go on from; start anew")]
    CannotResume {
        /// Its name.
        trainer: &'static str,
    },

    /// A run or a matrix needs more memory than the machine has left.
    #[error(
        "{what} needs about {:.2} GB and {:.2} GB are available; take fewer instances, a smaller latent_dim, or another \
         machine",
        *needed as f64 / 1e9,
        *available as f64 / 1e9
    )]
    NotEnoughMemory {
        /// What was to be made.
        what: &'static str,
        /// Bytes needed, as estimated.
        needed: u64,
        /// Bytes that the system can still give.
        available: u64,
    },

    /// The backend failed in its own way.
    ///
    /// Cure: follow the message of the cause, which stands below this one.
    #[error("the {backend} backend failed")]
    Backend {
        /// Name of the backend.
        backend: &'static str,
        /// Its own error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// An [`Error::InvalidParameter`] for a value that can be displayed.
    pub fn parameter(name: &'static str, value: impl std::fmt::Display, allowed: &'static str) -> Self {
        Error::InvalidParameter { name, value: value.to_string(), allowed }
    }
}

/// The message of an error with those of its causes, `between` them. Messages that already hold that of their
/// cause do not say it twice.
///
/// ```
/// use cfe_core::with_causes;
///
/// let error = std::io::Error::other("the disk is full");
/// assert_eq!(with_causes(&error, ": "), "the disk is full");
/// ```
pub fn with_causes(error: &(dyn std::error::Error + 'static), between: &str) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let message = source.to_string();
        if !text.contains(&message) {
            text = text + between + &message;
        }
        cause = source.source();
    }
    text
}

/// Refuses values for which `ok` is false. State what is allowed, so that NaN is refused too.
///
/// # Errors
/// [`Error::InvalidParameter`] with the name, the value and what is allowed.
pub fn ensure(
    ok: bool,
    name: &'static str,
    value: impl std::fmt::Display,
    allowed: &'static str,
) -> Result<()> {
    if ok { Ok(()) } else { Err(Error::parameter(name, value, allowed)) }
}

/// Whether a number is positive and finite; NaN is not.
pub fn is_positive(x: f64) -> bool {
    x > 0.0 && x.is_finite()
}

/// Whether a number is finite and at least 0; NaN is not.
pub fn is_at_least_zero(x: f64) -> bool {
    x >= 0.0 && x.is_finite()
}

/// Refuses scores that are not finite.
pub(crate) fn check_finite<'a>(scores: impl IntoIterator<Item = &'a f64>) -> Result<()> {
    match scores.into_iter().enumerate().find(|(_, score)| !score.is_finite()) {
        Some((index, &value)) => Err(Error::InvalidScore { index, value }),
        None => Ok(()),
    }
}

/// Refuses weights that are not finite and at least 0.
pub(crate) fn check_weights<'a>(
    what: &'static str,
    weights: impl IntoIterator<Item = &'a f64>,
) -> Result<()> {
    match weights.into_iter().enumerate().find(|(_, weight)| !is_at_least_zero(**weight)) {
        Some((index, &value)) => Err(Error::InvalidWeight { what, index, value }),
        None => Ok(()),
    }
}

/// Refuses a list that has not one entry for each of `expected`.
pub(crate) fn check_length(what: &'static str, found: usize, expected: usize) -> Result<()> {
    if found == expected { Ok(()) } else { Err(Error::LengthMismatch { what, found, expected }) }
}
