"""The recommended combiner again, in numpy and scipy and by the formulas of docs/recommended.md alone.

    python recommended_reference.py > recommended_abalone9_18.json       numpy 2.4, scipy 1.17

Only the folds, which any split could be, are made here and handed to both implementations.
"""

import csv
import gzip
import json
import pathlib

import numpy as np
from scipy.optimize import minimize

SHRINKAGE, POWERS, SELECTED = [10, 30, 100, 300, 1000, 3000, 10000], [0, 2], 5
CLIP, SLOPE_SCALE, CAUTION, FOLDS = 1e-4, 5.0, 1.0, 5


def read(split):
    with gzip.open(pathlib.Path(__file__).parent / "abalone9_18_seed0.csv.gz", "rt") as file:
        rows = [row for row in csv.reader(file) if row[1] == split]
    return np.array([row[3:] for row in rows], float).T, np.array([row[2] == "1" for row in rows], float)


def views(p):
    q = np.clip(p, CLIP, 1 - CLIP)
    return np.vstack([p, np.log(q / (1 - q))])


def fit(x, y, ridge, bounded, direction=None):
    """min sum_i l_i + sum_j ridge_j w_j^2 / 2 - (direction . w)^2 / 2, w_j >= 0 where bounded; (w, b)."""
    k = len(x)
    d = np.zeros(k) if direction is None else direction

    def objective(v):
        w, b = v[:k], v[k]
        z = w @ x + b
        residual = 1 / (1 + np.exp(-z)) - y
        value = np.sum(np.logaddexp(0, z) - y * z) + 0.5 * np.sum(ridge * w * w) - 0.5 * (d @ w) ** 2
        return value, np.append(x @ residual + ridge * w - d * (d @ w), residual.sum())

    start = np.append(np.zeros(k), np.log(y.mean() / (1 - y.mean())))
    bounds = [(0 if low else None, None) for low in bounded] + [(None, None)]
    options = dict(maxiter=20000, maxfun=40000, maxcor=40, ftol=1e-16, gtol=1e-9)
    for _ in range(3):  # the line search gives up on rounding now and then
        start = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    return start[:k], start[k]


def by_evidence(logits, prior, reference, caution):
    margin = [loss(y, z) - loss(y, reference) for z in logits]
    error = [np.sqrt(np.sum((d - d.mean()) ** 2)) for d in margin]
    log_weight = np.log(prior) - np.sum(margin, 1) - caution * np.array(error)
    weight = np.exp(log_weight - log_weight.max())
    return weight / weight.sum()


def average_precision(y, score):
    order = np.argsort(-score, kind="stable")
    s, hits = score[order], np.cumsum(y[order])
    last = np.append(s[1:] != s[:-1], True)
    precision, recall = (hits / np.arange(1, len(y) + 1))[last], hits[last] / y.sum()
    return np.sum(precision * np.diff(np.append(0, recall)))


def loss(y, z):
    return np.logaddexp(0, z) - y * z


r, y = read("train")
r_test, y_test = read("test")
n, m = len(y), len(r)

raw, raw_test = views(r), views(r_test)
center, own = raw.mean(1, keepdims=True), raw.std(1, keepdims=True)
view = np.repeat([(raw[part] - center[part]).mean(0).std() for part in (slice(0, m), slice(m, None))], m)[:, None]
g, g_test = (raw - center) / own, (raw_test - center) / own
f, f_test = g * own / view, g_test * own / view

values, vectors = np.linalg.eigh(g @ g.T / n)
v = vectors[:, ::-1][:, :16].T
v *= np.where(v.sum(1) < 0, -1, 1)[:, None]
unit = (v[0] @ g).std()
factors, factors_test = v @ g / unit, v @ g_test / unit

order = np.argsort(-f.mean(0), kind="stable")
ranks = lambda count: [int(q * (count - 1) / 59) if q < 59 else count - 1 for q in range(60)]
marks = factors[:8, sorted({order[q] for q in ranks(min(n, max(60, n // 10))) + ranks(n)})]
kernel = lambda a, b: np.exp(-0.5 * ((a[:, :, None] - b[:, None, :]) ** 2).sum(0))
values, vectors = np.linalg.eigh(kernel(marks, marks))
keep = np.argsort(-values)[:32]
projection = vectors[:, keep] / np.sqrt(values[keep])
local, local_test = (projection.T @ kernel(marks, part[:8]) for part in (factors, factors_test))
local, local_test = local - local.mean(1, keepdims=True), local_test - local.mean(1, keepdims=True)


def gains(rows):
    """Mean log-likelihood that each column gains alone."""
    base = y[rows].mean()
    constant = -(base * np.log(base) + (1 - base) * np.log(1 - base))
    found = []
    for column in f[:, rows]:
        w, b = fit(column[None], y[rows], np.array([1e-3]), [True])
        found.append(max(0, constant - loss(y[rows], w[0] * column + b).mean()))
    return np.array(found) / max(found)


def prior_pulled(extra, extra_ridge, power, shrinkage):
    def member(rows, gain):
        x = np.vstack([f, *extra])[:, rows]
        v = gain**power / np.linalg.norm(gain**power)
        slope_ridge = min(shrinkage, np.mean((v @ f) ** 2) / SLOPE_SCALE**2)
        free = np.append(v, np.zeros(len(x) - 2 * m)) * np.sqrt(shrinkage - slope_ridge)
        ridge = np.append(np.full(2 * m, shrinkage), np.full(len(x) - 2 * m, extra_ridge)) + 1e-6
        return fit(x, y[rows], ridge, [True] * 2 * m + [False] * (len(x) - 2 * m), free)

    return member


def selection(rows, gain):
    precision = np.array([average_precision(y[rows], column) for column in f[:m, rows]])
    best = np.zeros(m)
    best[np.argsort(-precision, kind="stable")[:SELECTED]] = 1 / SELECTED
    return calibrated(best, f[:m, rows], rows)


def equal(rows, gain):
    return calibrated(np.full(m, 1 / m), f[m:, rows], rows)


def calibrated(shares, x, rows):
    mean = shares @ x
    slope, b = fit(mean[None], y[rows], np.array([np.mean(mean**2) / SLOPE_SCALE**2 + 1e-6]), [True])
    return slope[0] * shares, b


def zero_pulled(part, ridge, bounded):
    return lambda rows, gain: fit(f[part][:, rows], y[rows], (ridge + 1e-6) / view[part, 0] ** 2, [bounded] * m)


pairs = [(p, s) for p in POWERS for s in SHRINKAGE]
first, second, both = slice(0, m), slice(m, None), slice(None)
with_factors = (np.vstack([f, factors]), np.vstack([f_test, factors_test]))
with_local = (np.vstack([f, local]), np.vstack([f_test, local_test]))
families = {
    "aggregator": [(prior_pulled([], 0, p, s), f, f_test) for p, s in pairs],
    "selection": [(selection, f[first], f_test[first])],
    "sparse": [(zero_pulled(second, ridge, True), f[second], f_test[second]) for ridge in (1, 10)],
    "signed": [(zero_pulled(first, 1, False), f[first], f_test[first])],
    "low_rank": [(prior_pulled([factors], ridge, p, s), *with_factors) for ridge in (3, 10) for p, s in pairs],
    "equal": [(equal, f[second], f_test[second])],
    "local": [(prior_pulled([local], ridge, p, s), *with_local) for ridge in (1, 3) for p, s in pairs],
}

folds = np.zeros(n, int)
for label in (0, 1):
    folds[y == label] = np.arange((y == label).sum()) % FOLDS
everyone = np.arange(n)
gain = {None: gains(everyone), **{k: gains(np.flatnonzero(folds != k)) for k in range(FOLDS)}}
held, predicted = {}, {}
for name, members in families.items():
    logits, test = [], []
    for member, x, x_test in members:
        w, b = member(everyone, gain[None])
        test.append(w @ x_test + b)
        z = np.zeros(n)
        for k in range(FOLDS):
            w, b = member(np.flatnonzero(folds != k), gain[k])
            z[folds == k] = w @ x[:, folds == k] + b
        logits.append(z)
    best = min(logits, key=lambda z: loss(y, z).sum())
    weight = by_evidence(logits, np.ones(len(logits)), best, CAUTION)
    held[name], predicted[name] = weight @ logits, weight @ test

base = ["aggregator", "selection", "sparse", "signed"]
best = min((held[name] for name in base), key=lambda z: loss(y, z).sum())
margin = [loss(y, held[name]) - loss(y, best) for name in base]
error = np.array([np.sqrt(np.sum((d - d.mean()) ** 2)) for d in margin])
alike = np.exp(np.minimum(0, CAUTION * error - np.sum(margin, 1)))
in_base = dict(zip(base, alike / alike.sum()))
held["base"] = sum(in_base[name] * held[name] for name in base)
functions = ["base", "low_rank", "local", "equal"]
caution = CAUTION * np.array([1, 2, 2, 0])
shares = by_evidence([held[name] for name in functions], np.array([0.5, 0.25, 0.25, 0.5]), held["base"], caution)
share = dict(zip(functions, shares))
share |= {name: share["base"] * in_base[name] for name in base}


def results(share):
    out_of_fold = sum(share[name] * held[name] for name in share)
    test = sum(share[name] * predicted[name] for name in share)
    brier = np.mean((1 / (1 + np.exp(-test)) - y_test) ** 2)
    return {
        "shares": {name: float(part) for name, part in share.items()},
        "figures": [average_precision(y_test, test), loss(y_test, test).mean(), brier],
        "out_of_fold_logits": out_of_fold.round(9).tolist(),
        "test_logits": test.round(9).tolist(),
    }


print(
    json.dumps(
        {
            "folds": folds.tolist(),
            "default": results(in_base),
            "all_families": results({name: share[name] for name in families}),
        }
    )
)
