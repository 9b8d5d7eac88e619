"""Combine the probabilities of trained classifiers on imbalanced problems into one honest probability.

>>> import numpy as np
>>> from cf_ensemble import CFEnsembleClassifier
>>> rng = np.random.default_rng(0)
>>> y = rng.random(400) < 0.2
>>> P = 1 / (1 + np.exp(-(2.5 * y[:, None] - 2 + rng.normal(size=(400, 5)))))  # five noisy classifiers
>>> model = CFEnsembleClassifier(random_state=0).fit(P[:300], y[:300])
>>> model.predict_proba(P[300:]).shape
(100, 2)

What needs scikit-learn, pandas, matplotlib or tqdm imports them when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

try:
    from ._core import __version__
except ImportError as error:
    if "libtorch" not in str(error) and "libc10" not in str(error):
        raise
    # Built with the feature `torch`; the loader's own words name the file and no cure.
    raise ImportError(
        f"{error}; this build of cf_ensemble trains on libtorch: put the folder of its libraries (`lib` of libtorch, or "
        "`torch/lib` of PyTorch) into LD_LIBRARY_PATH before Python starts, or install a wheel without the feature torch"
    ) from error
from .errors import CFEnsembleError, DataError, InputWarning, ModelFileError, SettingsError, TrainingError

if TYPE_CHECKING:
    from ._classifier import CFEnsembleClassifier
    from ._class_ensemble import ClassEnsemble
    from ._ensemble import Ensemble, compare, evaluate, fit, load, report
    from ._exports import from_predictions
    from ._plots import plot_precision_recall, plot_reliability, plot_threshold, plot_weights
    from ._stacking import CFEnsembleStackingClassifier
    from ._tables import ClassTable, Table, read
    from ._trainers import Trained, Trainer, als, torch

_HOME = {
    "_class_ensemble": ["ClassEnsemble"],
    "_classifier": ["CFEnsembleClassifier"],
    "_ensemble": ["Ensemble", "compare", "evaluate", "fit", "load", "report"],
    "_exports": ["from_predictions"],
    "_plots": ["plot_precision_recall", "plot_reliability", "plot_threshold", "plot_weights"],
    "_stacking": ["CFEnsembleStackingClassifier"],
    "_tables": ["ClassTable", "Table", "read"],
    "_trainers": ["Trained", "Trainer", "als", "torch"],
}
_LAZY = {name: f".{module}" for module, names in _HOME.items() for name in names}

__all__ = [
    "CFEnsembleClassifier",
    "CFEnsembleError",
    "CFEnsembleStackingClassifier",
    "ClassEnsemble",
    "ClassTable",
    "DataError",
    "Ensemble",
    "InputWarning",
    "ModelFileError",
    "SettingsError",
    "Table",
    "Trained",
    "Trainer",
    "TrainingError",
    "__version__",
    "als",
    "compare",
    "evaluate",
    "fit",
    "from_predictions",
    "load",
    "plot_precision_recall",
    "plot_reliability",
    "plot_threshold",
    "plot_weights",
    "read",
    "report",
    "torch",
]


def __getattr__(name: str) -> object:
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(module, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
