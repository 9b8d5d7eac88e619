"""Columns of more than two classes: which belongs to which classifier and class, and what the others say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._labels import class_texts
from ._scores import outside
from .errors import DataError, SettingsError, warn

#: What stands between classifier and class in the name of a column.
SEPARATOR = ":"
#: How far the probabilities of a row may sum from 1, as in the compiled half.
TOLERANCE = 0.02
#: Most groups of rows that the probabilities of a lone column are counted in.
GROUPS = 20


class Member(NamedTuple):
    """A classifier, and where its columns are."""

    name: str
    #: Column of each class, -1 for a class that it never heard of; of a lone column that one alone.
    columns: list[int]
    #: "proba": a probability of each class. "scaled": the same, scaled to the sum 1, as a class of its own is not among
    #: them. "score": a score of each class. "alone": one column that belongs to no class.
    kind: str
    #: Of scores their spread in training; of a lone column the middles of its groups, (B,).
    scale: NDArray[np.float64]
    #: Of a lone column the shares of the classes in each group, (B, K).
    shares: NDArray[np.float64]

    def as_json(self) -> list[Any]:
        return [self.name, self.columns, self.kind, self.scale.tolist(), self.shares.tolist()]

    @classmethod
    def of_json(cls, given: list[Any]) -> Member:
        name, columns, kind, scale, shares = given
        return cls(name, columns, kind, np.asarray(scale, dtype=np.float64), np.asarray(shares, dtype=np.float64))


def split_name(name: str) -> tuple[str, str] | None:
    """Classifier and class of a column; None where its name has no such form."""
    classifier, colon, label = name.rpartition(SEPARATOR)
    return (classifier.strip(), label.strip()) if colon and classifier.strip() and label.strip() else None


def has_class_columns(names: Sequence[str]) -> bool:
    """Whether names of columns are those of three classes or more, as the compiled half tells it."""
    parts = [pair for pair in map(split_name, names) if pair is not None]
    classifiers = [pair[0] for pair in parts]
    return len({pair[1] for pair in parts}) >= 3 and len(set(classifiers)) < len(classifiers)


def flat(X: Any, n: int, classes: int, turned: bool | None = None) -> tuple[Any, bool]:
    """X (n x m x K, or m x n x K) as n x (m K), and whether classifiers came first; other arrays as they are."""
    if getattr(X, "ndim", 2) != 3:
        return X, False
    X = np.asarray(X)
    rows_first = X.shape[0] == n if turned is None else not turned
    if not rows_first and (turned or X.shape[1] == n):
        X = X.transpose(1, 0, 2)
    elif not rows_first:
        raise DataError(f"X has the shape {X.shape} and y {n} labels; give (n, m, K) or (m, n, K), with a row for each label")
    if X.shape[2] != classes:
        raise DataError(
            f"X has the shape {X.shape}, and its last axis is for {classes} classes, in the order of classes_; name columns "
            f"'<classifier>{SEPARATOR}<class>' where classifiers know other classes"
        )
    return X.reshape(len(X), -1), not rows_first


def members_of(
    X: NDArray[Any],
    names: Sequence[str] | None,
    classes: NDArray[Any],
    how: str,
    *,
    whole: bool = False,
    blocks: Sequence[tuple[str, int]] | None = None,
) -> list[Member]:
    """Which columns of X make which classifier.

    ``names`` are those of the columns, if there are any. ``whole`` says that X came as an array of three axes, ``blocks``
    that it is made of so many columns of each classifier (1 or K).
    """
    if how not in ("auto", "proba", "score"):
        raise SettingsError(f"input={how!r} is not allowed; 'auto', 'proba' and 'score' are")
    k, c = len(classes), X.shape[1]
    #: Classifiers with columns of classes that y has not, and all of those columns.
    partly: dict[str, list[int]] = {}
    if blocks is not None:
        found, at = [], 0
        for name, width in blocks:
            found.append((name, list(range(at, at + width))))
            at += width
    elif whole:
        found = [(f"clf_{u}", list(range(u * k, (u + 1) * k))) for u in range(c // k)]
    else:
        found, partly = _named(names, classes) if names is not None else ([], {})
    unnamed = not found
    if unnamed and how != "score" and c % k == 0:
        found = [(f"clf_{u}", list(range(u * k, (u + 1) * k))) for u in range(c // k)]
    if unnamed and how == "proba" and c % k:
        raise DataError(
            f"X has {c} columns and y {k} classes: with input='proba' each classifier has {k} columns side by side, in the "
            f"order of classes_ {classes.tolist()}; name them '<classifier>{SEPARATOR}<class>', or give an array (n, m, {k})"
        )
    nothing = np.empty(0)
    members, alone, scores = [], set(range(c)), []
    beyond = outside(X)
    for name, columns in found:
        if len(columns) == 1:
            continue
        own = [j for j in columns if j >= 0]
        everything = own + partly.get(name, [])
        # What is none with input="proba" is refused by the compiled half, which names every place.
        if how == "proba" or (how == "auto" and not beyond[everything].any() and _sums(X[:, everything])):
            kind = "scaled" if name in partly else "proba"
            members.append(Member(name, columns, kind, nothing, nothing))
        elif not unnamed:
            members.append(Member(name, columns, "score", _spread(X[:, own]), nothing))
            scores.append(name)
        else:
            continue
        alone -= set(everything)
    if scores and how == "auto":
        warn(
            f"the columns of {_shown(scores)} are not probabilities that sum to 1 over the classes: they are taken as scores, "
            "and their softmax is; input='score' says so without a warning, input='proba' refuses them"
        )
    if alone:
        labels = [str(names[j]) if names is not None else f"column_{j}" for j in range(c)]
        for name, columns in found:
            if len(columns) == 1 and blocks is not None:
                labels[columns[0]] = name
        if how == "proba":
            raise DataError(
                f"the columns {_shown([labels[j] for j in sorted(alone)])} belong to no class; name them "
                f"'<classifier>{SEPARATOR}<class>', leave them out, or take input='auto'"
            )
        if how == "auto":
            warn(
                f"the columns {_shown([labels[j] for j in sorted(alone)])} are not probabilities of the {k} classes: each is "
                "taken as a score, from which the shares of the classes are counted in the training rows"
            )
        members += [Member(labels[j], [j], "alone", nothing, nothing) for j in sorted(alone)]
    twice = sorted({m.name for m in members if [o.name for o in members].count(m.name) > 1})
    if twice:
        raise DataError(f"the names {_shown(twice)} belong to several classifiers; rename some columns")
    return members


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(repr(name) for name in names[:5]) + more


def _named(
    names: Sequence[str], classes: NDArray[Any]
) -> tuple[list[tuple[str, list[int]]], dict[str, list[int]]]:
    """Classifiers with the columns of their classes, by the names of the columns; and their columns of other classes."""
    texts = class_texts(classes)
    found: dict[str, list[int]] = {}
    others: dict[str, list[int]] = {}
    strange: set[str] = set()
    for at, name in enumerate(names):
        pair = split_name(str(name))
        if pair is None:
            continue
        place = _place(pair[1], texts)
        if place is None:
            others.setdefault(pair[0], []).append(at)
            strange.add(pair[1])
        else:
            found.setdefault(pair[0], [-1] * len(classes))[place] = at
    found = {name: columns for name, columns in found.items() if sum(j >= 0 for j in columns) >= 2}
    others = {name: columns for name, columns in others.items() if name in found}
    if others:
        warn(
            f"columns name the classes {_shown(sorted(strange))}, which no row of y has; its classes are {texts[:12]}: these "
            "columns are taken off, and the others scaled to the sum 1"
        )
    return list(found.items()), others


def _place(text: str, texts: list[str]) -> int | None:
    if text in texts:
        return texts.index(text)
    try:
        value = float(text)
        return next((place for place, other in enumerate(texts) if float(other) == value), None)
    except ValueError:
        return None


def _sums(X: NDArray[Any]) -> bool:
    """Whether the rows that have predictions sum to 1."""
    total = X.sum(axis=1, dtype=np.float64)
    seen = ~np.isnan(total)
    return bool(seen.any() and (np.abs(total[seen] - 1) <= TOLERANCE).all())


def _spread(X: NDArray[Any]) -> NDArray[np.float64]:
    """The standard deviation of scores about the mean of their row, at least a hair."""
    X = X.astype(np.float64)
    about = X - X.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.nanmean(about**2)) if np.isfinite(about).any() else 1.0
    return np.array([spread if spread > 0 else 1.0])


def learn_alone(
    X: NDArray[Any],
    members: list[Member],
    codes: NDArray[np.int64],
    weights: NDArray[np.float64] | None,
    folds: NDArray[np.int64],
    classes: int,
) -> tuple[list[Member], dict[int, NDArray[np.float64]]]:
    """The members with the shares of lone columns, and for each of these out-of-fold shares (n, K) of the rows.

    A row never sees its own label: its shares are counted in the rows of other folds.
    """
    a = np.ones(len(codes)) if weights is None else weights
    learned, out_of_fold = [], {}
    for place, member in enumerate(members):
        if member.kind != "alone":
            learned.append(member)
            continue
        column = X[:, member.columns[0]]
        labeled = codes >= 0
        values = np.full((len(codes), classes), np.nan)
        for fold in np.unique(folds[labeled]):
            rest = labeled & (folds != fold)
            held = labeled & (folds == fold)
            values[held] = _shares_at(column[held], *_count(column[rest], codes[rest], a[rest], classes))
        middles, shares = _count(column[labeled], codes[labeled], a[labeled], classes)
        # Rows without a label are in no fold, and nothing of theirs was counted.
        values[~labeled] = _shares_at(column[~labeled], middles, shares)
        out_of_fold[place] = values
        learned.append(member._replace(scale=middles, shares=shares))
    return learned, out_of_fold


def _count(
    column: NDArray[Any], codes: NDArray[np.int64], weights: NDArray[np.float64], classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middles (B,) of groups of about equal size, and the shares of the classes in them (B, K).

    A group counts its rows and one more row with the shares of all: (n_bk + p_k) / (n_b + 1). Equal values are in one
    group.
    """
    total = np.bincount(codes, weights, classes)
    prior = total / total.sum() if total.sum() > 0 else np.full(classes, 1 / classes)
    seen = ~np.isnan(column)
    values, codes, weights = column[seen].astype(np.float64), codes[seen], weights[seen]
    if not len(values):
        return np.zeros(1), prior[None, :]
    count = int(np.clip(np.sqrt(len(values)), 1, GROUPS))
    edges = np.unique(np.quantile(values, np.arange(1, count) / count, method="inverted_cdf"))
    group = np.searchsorted(edges, values, side="left")
    _, group = np.unique(group, return_inverse=True)
    size = np.bincount(group)
    middles = np.bincount(group, values) / size
    table = np.zeros((len(size), classes))
    np.add.at(table, (group, codes), weights)
    return middles, (table + prior) / (table.sum(axis=1, keepdims=True) + 1)


def _shares_at(
    column: NDArray[Any], middles: NDArray[np.float64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The shares at the values of a column: linear between the middles of two groups, NaN where there is no value."""
    values = np.asarray(column, dtype=np.float64)
    return np.column_stack([np.interp(values, middles, share) for share in shares.T]) + 0 * values[:, None]


def cube_of(
    X: NDArray[Any], members: list[Member], classes: int, given: dict[int, NDArray[np.float64]] | None = None
) -> NDArray[Any]:
    """The probabilities n x m x K: X itself, seen so, where its columns are probabilities side by side.

    ``given`` has those of some members.
    """
    side_by_side = [j for member in members for j in member.columns]
    if side_by_side == list(range(X.shape[1])) and all(m.kind == "proba" and len(m.columns) == classes for m in members):
        return X.reshape(len(X), len(members), classes)
    cube = np.full((len(X), len(members), classes), np.nan)
    for place, member in enumerate(members):
        if given is not None and place in given:
            cube[:, place] = given[place]
        elif member.kind == "alone":
            cube[:, place] = _shares_at(X[:, member.columns[0]], member.scale, member.shares)
        else:
            known = np.array([k for k, j in enumerate(member.columns) if j >= 0])
            values = X[:, [member.columns[k] for k in known]]
            if member.kind == "score":
                values = _softmax(values / member.scale[0])
            elif member.kind == "scaled":
                total = values.sum(axis=1, keepdims=True)
                values = np.divide(values, total, out=np.full(values.shape, np.nan), where=total > 0)
            cube[:, place, known] = values
    return cube


def _softmax(z: NDArray[Any]) -> NDArray[np.float64]:
    z = z.astype(np.float64)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    out: NDArray[np.float64] = e / e.sum(axis=1, keepdims=True)
    return out


def log_odds(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """log p_k - log sum of the others, finite for every distribution (n, K)."""
    tiny = np.finfo(np.float64).tiny
    # The others are added up, as 1 - p_k would lose what is left beside a p_k near 1.
    others = np.stack([np.delete(p, k, axis=1).sum(axis=1) for k in range(p.shape[1])], axis=1)
    out: NDArray[np.float64] = np.log(np.maximum(p, tiny)) - np.log(np.maximum(others, tiny))
    return out


def dealt(codes: NDArray[np.int64], groups: Any, n_splits: int, seed: int) -> NDArray[np.int64]:
    """A fold for each row, -1 without a label: classes spread evenly, rows of a group together."""
    folds = np.full(len(codes), -1, dtype=np.int64)
    labeled = np.flatnonzero(codes >= 0)
    rng = np.random.default_rng(seed)
    if groups is not None:
        _, own = np.unique(np.asarray(groups)[labeled], return_inverse=True)
        folds[labeled] = (rng.permutation(own.max() + 1) % n_splits)[own]
        return folds
    order = labeled[rng.permutation(len(labeled))]
    order = order[np.argsort(codes[order], kind="stable")]
    folds[order] = np.arange(len(order)) % n_splits
    return folds


def soft_vote(cube: NDArray[Any]) -> NDArray[np.float64]:
    """The mean distribution of each row (n, K); equal shares where there is no prediction."""
    n, _, classes = cube.shape
    total, count = np.zeros((n, classes)), np.zeros((n, classes))
    for values in cube.transpose(1, 0, 2):
        seen = ~np.isnan(values)
        np.add(total, values, out=total, where=seen)
        count += seen
    mean = np.divide(total, count, out=np.zeros((n, classes)), where=count > 0)
    whole = mean.sum(axis=1, keepdims=True)
    return np.divide(mean, whole, out=np.full((n, classes), 1 / classes), where=whole > 0)


def decision_text(decision: Any, classes: int) -> str:
    """A rule of decision as the compiled half reads it: a name, or costs as a K x K array."""
    if isinstance(decision, str):
        return decision
    costs = np.asarray(decision, dtype=np.float64)
    if costs.shape != (classes, classes):
        raise SettingsError(
            f"decision has the shape {costs.shape}; 'largest', 'macro_f1', or costs of the shape ({classes}, {classes}) are "
            "allowed: a row for each true class, a column for each decision, in the order of classes_"
        )
    return "costs=" + "/".join(",".join(map(repr, map(float, row))) for row in costs)


def fit_classes(table: _core.ClassTable, options: str, class_options: str, **how: Any) -> _core.ClassFit:
    """The fit of a table, with its warnings as Python's."""
    fitted = table.fit(options, class_options, **how)
    for text in fitted.warnings:
        warn(text)
    return fitted
