"""Cross-validated scores of the simple combiners, in plain scikit-learn: `baselines.json`.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
    python baselines.py > baselines.json

Every combiner is fitted without a fold and scored on it. Ranking figures are means over folds, because fits of different folds
may pick other classifiers, whose scores are on other scales; log loss and Brier score are means over rows.
"""

import gzip
import json
import pathlib
import sys

import numpy as np
from scipy.optimize import minimize, nnls
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold

HERE = pathlib.Path(__file__).parent


def read(path):
    """Labels and predictions of the train rows."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    header, *lines = [line.split(",") for line in text.splitlines()]
    rows = [row for row in lines if "split" not in header or row[header.index("split")] == "train"]
    columns = [k for k, name in enumerate(header) if name not in ("instance_id", "id", "split", "label")]
    labels = np.array([row[header.index("label")] == "1" for row in rows])
    return labels, np.array([[float(row[k]) for k in columns] for row in rows])


def log_odds(p):
    q = np.clip(p, 1e-4, 1 - 1e-4)
    return np.log(q / (1 - q))


def logistic(x, y, x_new, **options):
    model = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-12, max_iter=1000, **options).fit(x, y)
    return model.predict_proba(x_new)[:, 1]


def best(x, y, count):
    precision = [average_precision_score(y, column) for column in x.T]
    return np.argsort(-np.array(precision), kind="stable")[:count]


def greedy(x, y, x_new):
    picks = []
    for _ in range(50):
        total = x[:, picks].sum(1) if picks else np.zeros(len(y))
        # scikit-learn's sums of many terms differ in the last digit: figures that agree to 1e-12 are a tie.
        precision = [average_precision_score(y, (total + column) / (len(picks) + 1)) for column in x.T]
        picks.append(int(np.argmax(np.round(precision, 12))))
    return x_new[:, picks].mean(1)


def non_negative_least_squares(x, y, x_new):
    weights = nnls(x, y.astype(float))[0]
    return x_new @ (weights / weights.sum())


def non_negative_logistic(x, y, x_new):
    features = log_odds(x)

    def objective(v):
        z = features @ v[:-1] + v[-1]
        residual = 1 / (1 + np.exp(-z)) - y
        value = np.sum(np.logaddexp(0, z) - y * z) + 0.5 * v[:-1] @ v[:-1]
        return value, np.append(features.T @ residual + v[:-1], residual.sum())

    bounds = [(0, None)] * x.shape[1] + [(None, None)]
    v = np.zeros(x.shape[1] + 1)
    for _ in range(3):
        v = minimize(objective, v, jac=True, method="L-BFGS-B", bounds=bounds, options=dict(maxiter=20000, maxfun=40000, ftol=1e-16, gtol=1e-10)).x
    return 1 / (1 + np.exp(-(log_odds(x_new) @ v[:-1] + v[-1])))


def average_of_four(x, y, x_new):
    parts = [non_negative_least_squares, non_negative_logistic, logistic, lambda x, y, n: n[:, best(x, y, 5)].mean(1)]
    return np.mean([part(x, y, x_new) for part in parts], 0)


METHODS = {
    "mean": lambda x, y, n: n.mean(1),
    "median": lambda x, y, n: np.median(n, 1),
    "logit_mean": lambda x, y, n: 1 / (1 + np.exp(-log_odds(n).mean(1))),
    "rank_avg": lambda x, y, n: n.mean(1),  # replaced below
    "best_single": lambda x, y, n: n[:, best(x, y, 1)[0]],
    "top5_mean": lambda x, y, n: n[:, best(x, y, 5)].mean(1),
    "greedy_es": greedy,
    "nnls": non_negative_least_squares,
    "nn_logistic": non_negative_logistic,
    "lr": logistic,
    "lr_bal": lambda x, y, n: logistic(x, y, n, class_weight="balanced"),
    "avg4": average_of_four,
}


def main():
    tables = []
    for file in ["../data/two_scales.csv.gz", "../data/abalone9_18_seed0.csv.gz"]:
        y, x = read(HERE / file)
        fold = np.zeros(len(y), int)
        for k, (_, held) in enumerate(StratifiedKFold(5, shuffle=True, random_state=0).split(x, y)):
            fold[held] = k
        methods = {}
        for name, method in METHODS.items():
            scores = np.zeros(len(y))
            for k in range(5):
                held = fold == k
                scores[held] = method(x[~held], y[~held], x[held])
            if name == "rank_avg":
                scores = rankdata(x, axis=0).mean(1) / len(y)  # learns nothing: ranks among all rows
            over_folds = lambda metric: float(np.mean([metric(y[fold == k], scores[fold == k]) for k in range(5)]))
            methods[name] = {
                "average_precision": over_folds(average_precision_score),
                "roc_auc": over_folds(roc_auc_score),
                "log_loss": None if name == "rank_avg" else float(log_loss(y, np.clip(scores, 1e-15, 1 - 1e-15))),
                "brier": None if name == "rank_avg" else float(brier_score_loss(y, np.clip(scores, 0, 1))),
            }
            print(file, name, methods[name], file=sys.stderr)
        tables.append({"file": file.removeprefix("../data/"), "folds": fold.tolist(), "methods": methods})
    print(json.dumps({"tables": tables}))


if __name__ == "__main__":
    main()
