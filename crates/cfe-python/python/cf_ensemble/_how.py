"""Threads and settings for the compiled half. Without scikit-learn, whose import takes a second."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from .errors import SettingsError


def threads_of(n_jobs: int | None) -> int:
    """Threads for the compiled half, which takes 0 for all cores."""
    if n_jobs is None or n_jobs == -1:
        return 0
    if n_jobs == 0:
        raise ValueError("n_jobs=0 is not allowed; None and -1 are all cores, 1 is one")
    if n_jobs < 0:
        return max(1, (os.cpu_count() or 1) + 1 + int(n_jobs))
    # More threads than cores bring nothing, and a million of them would not even start.
    return min(int(n_jobs), os.cpu_count() or 1)


def settings_json(settings: dict[str, Any]) -> str:
    def number(value: Any) -> Any:
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, np.ndarray):
            return value.tolist()
        raise SettingsError(f"settings: {value!r} cannot be a setting; numbers, text, lists and dicts can")

    return json.dumps(settings, default=number)
