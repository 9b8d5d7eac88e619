"""Compares cf_ensemble with what else combines trained classifiers in Python, and prints a table in Markdown.

Every combiner learns from the out-of-fold probabilities of the train rows of a table in tests/data, and is scored on
its test rows. DESlib looks for the neighbors of a row in the space of these probabilities, since the tables hold no
features. Run: python benchmarks/peers.py, with requirements.txt and the package installed.
"""

from __future__ import annotations

import inspect
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import average_precision_score, log_loss

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from samples import read_real  # noqa: E402

TABLES = ["abalone9_18_seed0.csv.gz", "vehicle1_seed0.csv.gz"]


class Column(ClassifierMixin, BaseEstimator):
    """A trained classifier whose probability is a column of the table."""

    def __init__(self, j):
        self.j = j
        self.classes_ = np.array([0, 1])

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        return np.column_stack([1 - X[:, self.j], X[:, self.j]])

    def predict(self, X):
        return (X[:, self.j] > 0.5).astype(int)


def cf_ensemble(P, y, P_test):
    from cf_ensemble import CFEnsembleClassifier

    return CFEnsembleClassifier(random_state=0).fit(P, y).predict_proba(P_test)[:, 1]


def stacking_logistic(P, y, P_test):
    from sklearn.ensemble import StackingClassifier
    from sklearn.linear_model import LogisticRegression

    columns = [(str(j), Column(j)) for j in range(P.shape[1])]
    stack = StackingClassifier(columns, LogisticRegression(), cv="prefit")
    return stack.fit(P, y).predict_proba(P_test)[:, 1]


def voting_soft(P, y, P_test):
    # VotingClassifier(voting="soft") of fitted classifiers is the mean of their probabilities.
    return P_test.mean(axis=1)


def knora_e(P, y, P_test):
    from deslib.des.knora_e import KNORAE

    columns = [Column(j) for j in range(P.shape[1])]
    return KNORAE(columns, random_state=0).fit(P, y).predict_proba(P_test)[:, 1]


def meta_des(P, y, P_test):
    from deslib.des.meta_des import METADES

    columns = [Column(j) for j in range(P.shape[1])]
    return METADES(columns, random_state=0).fit(P, y).predict_proba(P_test)[:, 1]


def phem_greedy(P, y, P_test):
    from phem.base_utils.metrics import make_metric
    from phem.methods.ensemble_selection import EnsembleSelection

    metric = make_metric(
        average_precision_score, "AP", maximize=True, classification=True, always_transform_conf_to_pred=False,
        optimum_value=1, requires_confidences=True, only_positive_class=True, pos_label=1,
    )

    def both(X):
        return [np.column_stack([1 - column, column]) for column in X.T]

    selection = EnsembleSelection([Column(j) for j in range(P.shape[1])], 50, metric, n_jobs=1, random_state=0)
    selection.classes_ = np.array([0, 1])
    selection.ensemble_fit(both(P), y)
    return selection.ensemble_predict_proba(both(P_test))[:, 1]


METHODS = {
    "CFEnsembleClassifier": cf_ensemble,
    "StackingClassifier(LogisticRegression)": stacking_logistic,
    "VotingClassifier(soft)": voting_soft,
    "DESlib KNORA-E": knora_e,
    "DESlib META-DES": meta_des,
    "phem greedy ensemble selection": phem_greedy,
}


def calibration_error(y, p):
    """ECE over ten equal bins."""
    which = np.minimum((p * 10).astype(int), 9)
    return sum(abs(y[which == b].mean() - p[which == b].mean()) * (which == b).mean() for b in set(which))


def lines_of(function):
    """Lines of code in the body."""
    body = inspect.getsource(function).splitlines()[1:]
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in body)


def main():
    print("| table | combiner | average precision | log loss | ECE | seconds | lines |")
    print("|---|---|---|---|---|---|---|")
    for table in TABLES:
        data = read_real(table)
        for name, combine in METHODS.items():
            begin = time.perf_counter()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    p = combine(data.train, data.y_train, data.test)
            except Exception as error:
                print(f"| {table.split('_seed')[0]} | {name} | failed: {type(error).__name__}: {error} | | | | |")
                continue
            seconds = time.perf_counter() - begin
            scores = average_precision_score(data.y_test, p), log_loss(data.y_test, p), calibration_error(data.y_test, p)
            shown = " | ".join(f"{score:.4f}" for score in scores)
            print(f"| {table.split('_seed')[0]} | {name} | {shown} | {seconds:.2f} | {lines_of(combine)} |", flush=True)


if __name__ == "__main__":
    main()
