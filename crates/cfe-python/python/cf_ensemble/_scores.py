"""Scores that are not probabilities: mapped by the distribution they had in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from .errors import SettingsError, warn

#: Knots of a map: more would not show in a probability.
KNOTS = 1025

#: Column, knots (ascending), values of the knots.
ScoreMap = tuple[int, NDArray[np.float64], NDArray[np.float64]]


def outside(X: NDArray[Any]) -> NDArray[np.bool_]:
    """Which columns leave [0, 1] by more than rounding does; the compiled half takes the rest for 0 or 1."""
    low, high = np.fmin.reduce(X, axis=0), np.fmax.reduce(X, axis=0)
    return np.asarray((low < -_core.HAIR) | (high > 1 + _core.HAIR))


def fit_maps(X: NDArray[Any], names: Sequence[str], how: str) -> list[ScoreMap]:
    """The maps of the columns that hold scores."""
    if how == "proba":
        return []
    if how == "score":
        columns = np.arange(X.shape[1])
    elif how == "auto":
        columns = np.flatnonzero(outside(X))
        if len(columns):
            shown = ", ".join(repr(names[j]) for j in columns[:5])
            more = f" and {len(columns) - 5} more" if len(columns) > 5 else ""
            warn(
                f"columns {shown}{more} leave [0, 1]: they are taken as scores and mapped by their distribution in the "
                "training rows; input='score' says so without a warning, input='proba' refuses them"
            )
    else:
        raise SettingsError(f"input={how!r} is not allowed; 'auto', 'proba' and 'score' are")
    return [(int(j), *_distribution(X[:, j])) for j in columns]


def _distribution(column: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The distribution function in its middle: the share of rows below, and half of those at the same score."""
    seen = np.sort(column[~np.isnan(column)]).astype(np.float64)
    if not len(seen):
        return np.zeros(1), np.full(1, 0.5)
    if len(seen) > KNOTS:
        knots = np.unique(seen[np.linspace(0, len(seen) - 1, KNOTS).round().astype(np.intp)])
    else:
        knots = np.unique(seen)
    below, upto = np.searchsorted(seen, knots, "left"), np.searchsorted(seen, knots, "right")
    return knots, (below + upto) / (2 * len(seen))


def apply_maps(X: NDArray[Any], maps: Sequence[ScoreMap]) -> NDArray[Any]:
    """X with its scores mapped; X itself where there are none."""
    if not maps:
        return X
    X = X.copy()
    for column, knots, values in maps:
        seen = ~np.isnan(X[:, column])
        X[seen, column] = np.interp(X[seen, column], knots, values)
    return X
