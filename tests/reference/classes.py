"""Metrics of more than two classes, and softmax regression, by scikit-learn: `classes.json`.

    pip install numpy==2.4.6 scikit-learn==1.9.1
    python classes.py > classes.json

Every class occurs in every case, so that no convention for absent classes is needed. The calibration error is by its
definition, as scikit-learn has none.
"""

import csv
import gzip
import json
import pathlib
import warnings

import numpy as np
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import label_binarize

warnings.filterwarnings("ignore")


def top_label_ece(y, p, weights):
    top, right = p.max(1), (p.argmax(1) == y).astype(float)
    bins = np.minimum(np.floor(top * 10), 9).astype(int)
    total = 0.0
    for b in range(10):
        inside = bins == b
        if weights[inside].sum() > 0:
            gap = np.average(right[inside], weights=weights[inside]) - np.average(top[inside], weights=weights[inside])
            total += weights[inside].sum() / weights.sum() * abs(gap)
    return total


def case(name, y, p, weights):
    given = np.ones(len(y)) if weights is None else weights
    decided = p.argmax(1)
    k = p.shape[1]
    one_hot = label_binarize(y, classes=range(k))
    by_class = lambda metric: [float(metric(one_hot[:, c], p[:, c], sample_weight=given)) for c in range(k)]
    f1 = lambda average: metrics.f1_score(y, decided, average=average, sample_weight=given, zero_division=0)
    return {
        "name": name,
        "y": y.tolist(),
        "p": p.tolist(),
        "weights": None if weights is None else weights.tolist(),
        "log_loss": metrics.log_loss(y, p, sample_weight=given, labels=range(k)),
        "brier": metrics.brier_score_loss(y, p, sample_weight=given, labels=range(k)),
        "average_precision": by_class(metrics.average_precision_score),
        "macro_average_precision": metrics.average_precision_score(y, p, average="macro", sample_weight=given),
        "roc_auc": by_class(metrics.roc_auc_score),
        "macro_roc_auc": metrics.roc_auc_score(y, p, multi_class="ovr", average="macro", sample_weight=given),
        "accuracy": metrics.accuracy_score(y, decided, sample_weight=given),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, decided, sample_weight=given),
        "f1": metrics.f1_score(y, decided, average=None, sample_weight=given, zero_division=0).tolist(),
        "macro_f1": f1("macro"),
        "mcc": metrics.matthews_corrcoef(y, decided, sample_weight=given),
        "confusion": metrics.confusion_matrix(y, decided, sample_weight=given).tolist(),
        "top_label_ece": top_label_ece(y, p, given),
    }


def drawn(rng, n, k, sharp, digits=None):
    y = np.concatenate([np.arange(k), rng.choice(k, n - k, p=np.arange(1, k + 1)[::-1] / (k * (k + 1) / 2))])
    z = rng.normal(size=(n, k)) + sharp * np.eye(k)[y]
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    if digits is not None:
        p = np.round(p, digits)
        p[:, 0] = np.maximum(1 - p[:, 1:].sum(1), 0)
        p /= p.sum(1, keepdims=True)
    return y, p


TABLES = pathlib.Path(__file__).parent / "../../crates/cfe-compare/data/classes/development"


def stacking_log(name):
    """Softmax regression on the log-probabilities of real classifiers: badly conditioned."""
    with gzip.open(TABLES / name / "seed0.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    columns = [column for column in rows[0] if ":" in column]
    train = [row for row in rows if row["split"] == "train"]
    x = np.log(np.maximum([[float(row[column]) for column in columns] for row in train], 1e-4))
    y = np.array([row["label"] for row in train])
    fit = LogisticRegression(solver="newton-cholesky", tol=1e-14, max_iter=10000).fit(x, y)
    residual = fit.predict_proba(x) - (y[:, None] == fit.classes_)
    gradient = max(np.abs(residual.T @ x + fit.coef_).max(), np.abs(residual.sum(0)).max())
    assert gradient < 1e-9, gradient
    bias = fit.intercept_ - fit.intercept_.mean()
    loss = metrics.log_loss(y, fit.predict_proba(x), normalize=False) + (fit.coef_**2).sum() / 2
    return {"table": name, "weights": fit.coef_.tolist(), "bias": bias.tolist(), "penalized_loss": loss}


def main():
    rng = np.random.default_rng(17)
    cases = []
    for name, n, k, sharp, digits, weighted in [
        ("three", 40, 3, 1.0, None, False),
        ("three_weighted", 40, 3, 1.0, None, True),
        ("seven_rare", 120, 7, 1.5, None, True),
        ("ties", 60, 4, 1.0, 1, False),
        ("ties_weighted", 60, 4, 1.0, 1, True),
        ("at_chance", 50, 5, 0.0, None, False),
        ("certain", 30, 3, 12.0, None, False),
    ]:
        y, p = drawn(rng, n, k, sharp, digits)
        cases.append(case(name, y, p, rng.integers(1, 5, n) / 2 if weighted else None))
    y, p = drawn(rng, 80, 4, 1.0)
    x = np.log(p)
    weights = rng.integers(1, 4, 80).astype(float)
    regression = []
    for c in [0.1, 1.0]:
        fit = LogisticRegression(C=c, solver="newton-cg", tol=1e-12, max_iter=10000).fit(x, y, sample_weight=weights)
        regression.append({"c": c, "p": fit.predict_proba(x).tolist(), "weights": fit.coef_.tolist()})
    print(json.dumps({"cases": cases, "stacking_log": [stacking_log(name) for name in ["bank_job", "vehicle"]], "regression": {"x": x.tolist(), "y": y.tolist(), "a": weights.tolist(), "fits": regression}}))


if __name__ == "__main__":
    main()
