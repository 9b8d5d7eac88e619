"""What estimators have in common that keep their combiner in a model file."""

from __future__ import annotations

import os
from typing import Any, Self

from sklearn.utils.validation import check_is_fitted

from . import _core


def settings_of(provenance: dict[str, Any], *others: str) -> dict[str, Any] | None:
    """The settings that a file remembers, without ``others``, which are arguments of their own; None where there are none."""
    kept = {key: value for key, value in provenance.get("settings", {}).items() if key not in others}
    return kept or None


class SavedCombiner:
    """Saves and loads the file of ``combiner_``."""

    combiner_: Any

    def _noted(self) -> _core.Model | _core.ClassModel:
        """The combiner, with what only the estimator knows."""
        model: _core.Model | _core.ClassModel = self.combiner_
        return model

    @classmethod
    def _of_model(cls, model: Any) -> Self:
        """The estimator of a combiner that was loaded."""
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model file, the same that ``cfe`` reads, whole or not at all.

        Parameters
        ----------
        path : str or path-like
            The file; ``.safetensors`` is usual.
        """
        check_is_fitted(self)
        self._noted().save(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The model of a file that :meth:`save` or ``cfe fit --model-out`` wrote.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        object
            A fitted estimator of this class, which predicts to the same bits. Of a file of ``cfe`` the classes are 0 and 1,
            or of more than two classes text.
        """
        return cls._of_model(_core.load(path))
