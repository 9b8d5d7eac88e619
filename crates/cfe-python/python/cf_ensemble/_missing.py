"""Where a label, or a cell of a column of text, is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def missing_labels(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where there is no label: NaN, None, pandas' NA."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind == "O":
        # NaN and NA are the values that do not equal themselves.
        return np.fromiter((v is None or not _same(v) for v in values), bool, len(values))
    return np.zeros(len(values), dtype=bool)


def _same(value: Any) -> bool:
    try:
        return bool(value == value)
    except TypeError:  # pandas.NA has no truth value
        return False
