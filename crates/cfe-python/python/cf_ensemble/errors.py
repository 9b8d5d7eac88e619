"""What ``cf_ensemble`` raises, and of what it warns."""

from __future__ import annotations

import sys
import warnings

__all__ = ["CFEnsembleError", "DataError", "InputWarning", "ModelFileError", "SettingsError", "TrainingError"]


class CFEnsembleError(Exception):
    """Base of all errors of this package."""


class DataError(CFEnsembleError, ValueError):
    """The predictions, labels, weights or groups cannot be used; the message names the column and the row."""


class SettingsError(CFEnsembleError, ValueError):
    """A setting is unknown or out of its range; the message says what is allowed."""


class TrainingError(CFEnsembleError, RuntimeError):
    """Training or predicting failed, for example because a loss diverged."""


class ModelFileError(CFEnsembleError, ValueError):
    """A model file is damaged, of another kind, or cannot be written."""


class InputWarning(UserWarning):
    """The predictions were taken otherwise than as plain probabilities."""


def warn(text: str) -> None:
    """Warns with the line of the caller's code that led here, however deep in this package."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "cf_ensemble":
        level, frame = level + 1, frame.f_back
    warnings.warn(text, InputWarning, stacklevel=level)
