//! What a column is likely to hold, told by its name.

/// A name as the lists below have it: lower case, words joined by `_`, without a leading `#`.
pub(crate) fn normalize(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut lower_before = false;
    for c in name.trim().trim_start_matches('#').trim().chars() {
        if c.is_alphanumeric() {
            // `CustomerId` is `customer_id`; `SK_ID_CURR` and `TransactionID` keep their runs of capitals
            // together.
            if c.is_uppercase() && lower_before {
                out.push('_');
            }
            lower_before = c.is_lowercase() || c.is_ascii_digit();
            out.extend(c.to_lowercase());
        } else {
            lower_before = false;
            if !out.is_empty() && !out.ends_with('_') {
                out.push('_');
            }
        }
    }
    out.trim_end_matches('_').to_owned()
}

/// Names of labels, the surest first.
const LABELS: [&str; 28] = [
    "label",
    "labels",
    "y",
    "target",
    "targets",
    "class",
    "outcome",
    "y_true",
    "ytrue",
    "true_label",
    "label_true",
    "class_label",
    "target_class",
    "truth",
    "ground_truth",
    "gt",
    "actual",
    "actual_class",
    "actual_label",
    "observed",
    "obs",
    "true",
    "true_class",
    "gold",
    "y_test",
    "y_train",
    "is_positive",
    // What happened, but mlr3's prediction beside a column `truth`.
    "response",
];

/// How surely a name is that of the labels: 0 is the surest.
pub(crate) fn label_rank(name: &str) -> Option<usize> {
    let ends = ["_label", "_target", "_outcome", "_truth", "_class"];
    // `pred_label` and its kin name predictions, whatever they end in.
    let hard = name.contains("pred");
    let rank = LABELS.iter().position(|known| *known == name);
    rank.or_else(|| (!hard && ends.iter().any(|end| name.ends_with(end))).then_some(LABELS.len()))
}

const IDS: [&str; 23] = [
    // Kept in the order of their sureness.
    "instance_id",
    "id",
    "ids",
    "row_id",
    "row_ids",
    "rowid",
    "sample_id",
    "case_id",
    "uid",
    "uuid",
    "guid",
    "key",
    "index",
    "idx",
    "row",
    "rownum",
    "row_number",
    "row_names",
    "rownames",
    "row_name",
    "rowname",
    "row_index",
    "unnamed_0",
];

/// How surely a name is that of the ids: 0 is the surest.
pub(crate) fn id_rank(name: &str) -> Option<usize> {
    // Known names first, then any word `id`, and last names that merely end in it, such as PassengerId.
    let words = || name.split('_');
    let rank = IDS.iter().position(|known| *known == name);
    rank.or_else(|| words().any(|word| word == "id").then_some(IDS.len())).or_else(|| {
        (name.len() > 4 && name.ends_with("id") && !name.ends_with("grid")).then_some(IDS.len() + 1)
    })
}

/// Names of ids of instances, and not of what several instances may share, such as a customer.
pub(crate) fn is_instance_id(name: &str) -> bool {
    IDS.contains(&name)
}

/// Names of an index, which is an id if nothing else is.
pub(crate) fn is_index(name: &str) -> bool {
    ["index", "idx", "row", "rownum", "row_number", "row_index", "row_names", "rownames", "unnamed_0"]
        .contains(&name)
}

/// Names of groups that are kept together.
pub(crate) fn is_group(name: &str) -> bool {
    let base = name.strip_suffix("_id").unwrap_or(name);
    ["group", "groups", "patient", "subject", "cluster"].contains(&base)
}

/// Names of a column that says which split a row belongs to.
pub(crate) fn is_split(name: &str) -> bool {
    const SPLITS: [&str; 16] = [
        "split",
        "splits",
        "set",
        "subset",
        "partition",
        "part",
        "dataset",
        "data_set",
        "data_split",
        "phase",
        "train_test",
        "traintest",
        "train_or_test",
        "sample_type",
        "usage",
        "role",
    ];
    SPLITS.contains(&name) || is_train_flag(name) || is_test_flag(name)
}

/// Names that can hardly mean anything but a split.
pub(crate) fn is_surely_split(name: &str) -> bool {
    ["split", "splits", "data_split", "partition", "train_test", "traintest", "train_or_test"].contains(&name)
        || is_train_flag(name)
        || is_test_flag(name)
}

/// `is_train` and its kin: true and 1 are rows for training.
pub(crate) fn is_train_flag(name: &str) -> bool {
    ["is_train", "in_train", "train", "istrain", "is_training", "training", "train_flag", "in_training"]
        .contains(&name)
}

/// `is_test` and its kin: false and 0 are rows for training.
pub(crate) fn is_test_flag(name: &str) -> bool {
    let words = ["test", "holdout", "valid", "validation", "val", "oot"];
    let base = name.strip_prefix("is_").or_else(|| name.strip_prefix("in_")).unwrap_or(name);
    words.contains(&base) || name == "istest" || name == "test_flag"
}

/// A value of a split column: "Training set", "train_data" and "train" are one word.
fn split_word(value: &str) -> String {
    // The word that tells is at the front; what stands behind says that it is a set, a split or a fold.
    let word = normalize(value);
    let tails = ["_set", "_split", "_data", "_sample", "_fold", "_rows", "set"];
    let base = tails.iter().find_map(|tail| word.strip_suffix(tail)).unwrap_or(&word);
    base.replace('_', "")
}

/// Values of a split column in rows for training.
pub(crate) fn is_train_word(value: &str) -> bool {
    const WORDS: [&str; 14] = [
        "train",
        "training",
        "trn",
        "tr",
        "trainval",
        "fit",
        "fitting",
        "learn",
        "learning",
        "in",
        "insample",
        "oof",
        "development",
        "build",
    ];
    WORDS.contains(&split_word(value).as_str())
}

/// Values of a split column in rows that are held out.
pub(crate) fn is_test_word(value: &str) -> bool {
    const WORDS: [&str; 18] = [
        "test",
        "testing",
        "tst",
        "valid",
        "validation",
        "validate",
        "val",
        "eval",
        "evaluation",
        "holdout",
        "heldout",
        "hold",
        "oot",
        "oos",
        "outofsample",
        "outof",
        "outoftime",
        "score",
    ];
    WORDS.contains(&split_word(value).as_str())
}

/// Names of a column that numbers repetitions or folds of a cross-validation.
pub(crate) fn is_fold(name: &str) -> bool {
    // `fold1` and `rep_2` number one thing and are named like `fold` and `rep`.
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('_');
    let words = [
        "fold",
        "folds",
        "cv_fold",
        "cvfold",
        "fold_id",
        "kfold",
        "k_fold",
        "cv",
        "resample",
        "repeat",
        "repeats",
        "rep",
        "repetition",
        "iteration",
        "iter",
        "bootstrap",
        "fold_nr",
        "split_id",
        "seed",
        "random_seed",
        "random_state",
        "run",
        "trial",
        "bag",
    ];
    words.contains(&base) || words.contains(&name)
}

/// Names of weights that are used without being asked for. A column named `weight` may be that of a person.
pub(crate) fn is_weight(name: &str) -> bool {
    ["sample_weight", "sample_weights"].contains(&name)
}

/// Names of the fold that a row was held out in, which are used without being asked for.
pub(crate) fn is_given_fold(name: &str) -> bool {
    ["fold", "cv_fold"].contains(&name)
}

/// What a column of this name holds that is not a prediction.
pub(crate) fn metadata(name: &str) -> Option<&'static str> {
    const WEIGHTS: [&str; 8] = [
        "weight",
        "weights",
        "sample_weight",
        "sample_weights",
        "instance_weight",
        "case_weight",
        "wt",
        "exposure",
    ];
    const TIMES: [&str; 18] = [
        "date",
        "time",
        "timestamp",
        "datetime",
        "day",
        "days",
        "week",
        "weekday",
        "weekend",
        "is_weekend",
        "month",
        "year",
        "hour",
        "minute",
        "dow",
        "day_of_week",
        "ts",
        "quarter",
    ];
    // Folds come before weights and times, as the first reason is the one that is said.
    if is_fold(name) {
        Some("a fold or repetition, by its name")
    } else if WEIGHTS.contains(&name) || name.ends_with("_weight") || name.ends_with("_weights") {
        Some("a weight, by its name")
    } else if TIMES.contains(&name) {
        Some("a date or time, by its name")
    } else if is_index(name) {
        Some("an index, by its name")
    } else {
        None
    }
}

/// Names of hard predictions, such as H2O's `predict`.
pub(crate) fn is_hard_prediction(name: &str) -> bool {
    let words =
        ["predict", "prediction", "predicted", "pred_label", "pred_class", "predicted_class", "decision"];
    words.iter().any(|word| name == *word || name.ends_with(&format!("_{word}")))
        || ["y_pred", "predicted_label", "yhat_class"].contains(&name)
}

/// What R's `melt` calls the column of the names of columns.
pub(crate) const MELTED: &str = "variable";

/// Names of the column of a long table that says which class the probability of a row is of.
pub(crate) fn is_class_of_row(name: &str) -> bool {
    let names = ["class", "classes", "class_name", "class_label", "level", "category", "name", MELTED];
    names.contains(&name)
}

/// Names of the column of a long table that says which classifier a row is of.
pub(crate) fn is_model(name: &str) -> bool {
    const MODELS: [&str; 20] = [
        "model",
        "models",
        "classifier",
        "classifiers",
        "method",
        "algorithm",
        "algo",
        "learner",
        "estimator",
        "clf",
        "model_name",
        "model_id",
        "classifier_name",
        "classifier_id",
        "learner_id",
        "wflow_id",
        "base_learner",
        "base_model",
        "config",
        MELTED,
    ];
    MODELS.contains(&name)
}

/// Names of the probabilities of a long table.
pub(crate) fn is_probability(name: &str) -> bool {
    const PROBABILITIES: [&str; 20] = [
        "prob",
        "proba",
        "probability",
        "probabilities",
        "p",
        "p1",
        "p_1",
        "score",
        "pred",
        "prediction",
        "predicted",
        "y_pred",
        "y_prob",
        "y_proba",
        "y_score",
        "yhat",
        "pred_1",
        "pred_yes",
        "prob_1",
        "value",
    ];
    PROBABILITIES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case() {
        for (name, normal) in [
            ("SK_ID_CURR", "sk_id_curr"),
            ("CustomerId", "customer_id"),
            ("#instance_id", "instance_id"),
            ("Unnamed: 0", "unnamed_0"),
            ("TransactionID", "transaction_id"),
            (" Row Names ", "row_names"),
            (".pred_1", "pred_1"),
        ] {
            assert_eq!(normalize(name), normal);
        }
        for id in ["id", "SK_ID", "SK_ID_CURR", "customer_id", "PassengerId", "id_trx"] {
            assert!(id_rank(&normalize(id)).is_some(), "{id}");
        }
        for other in ["grid", "paid", "p_a", "forest", "void"] {
            assert!(id_rank(&normalize(other)).is_none(), "{other}");
        }
        for label in ["TARGET", "y", "Class", "Label", "yTrue", "churn_label"] {
            assert!(label_rank(&normalize(label)).is_some(), "{label}");
        }
        assert!(is_fold("fold2") && is_fold("cv_fold") && !is_fold("folder"));
        for train in ["train", "Training set", "TRAIN_DATA", "trainset", "in-sample", "oof", " tr "] {
            assert!(is_train_word(train) && !is_test_word(train), "{train}");
        }
        for test in ["test", "Test set", "VAL", "hold-out", "out-of-sample", "OOT", "validation_fold"] {
            assert!(is_test_word(test) && !is_train_word(test), "{test}");
        }
        assert!(!is_train_word("trainer") && !is_test_word("tested_positive"));
    }
}
