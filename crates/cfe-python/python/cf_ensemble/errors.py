"""What ``cf_ensemble`` raises."""

__all__ = ["CFEnsembleError", "DataError", "ModelFileError", "SettingsError", "TrainingError"]


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
