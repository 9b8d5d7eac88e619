"""A fitted combiner of more than two classes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _core, _notebook
from ._ensemble import _Combined, _frame, _warn_of_train_rows, class_metric_rows, trust_rows, weights_of_rows
from ._missing import missing_labels
from ._tables import ClassTable, Columns, Table, as_any_table, class_table, matrix_of
from .errors import DataError, warn

if TYPE_CHECKING:
    import pandas as pd

#: Where a model file keeps the classes as Python has them.
NOTE = "python_classes"


class ClassEnsemble(_Combined):
    """A fitted combiner of K > 2 classes, from :func:`fit` or :func:`load`. In a notebook it shows the heart of its report.

    Attributes
    ----------
    names : list of str
        Names of the classifiers.
    classes : ndarray of shape (K,)
        The classes; text, where they come from a table.
    decision : str or dict
        What ``predict`` decides for: "largest", or ``{"weights": [...]}``, ``{"costs": [...]}``.
    info : dict
        Where the model comes from: method, settings, data, seed.
    """

    _model: _core.ClassModel
    _fitted: _core.ClassFit | None

    def __init__(
        self,
        model: _core.ClassModel,
        fitted: _core.ClassFit | None = None,
        threads: int = 0,
        classes: NDArray[Any] | None = None,
    ) -> None:
        self._model = model
        self._fitted = fitted
        self._threads = threads
        self._parts = None
        if classes is None:
            origin = json.loads(model.details).get("provenance", {})
            # The file of an estimator, of an ensemble, or of the program.
            classes = np.asarray(origin.get("python", {}).get("classes", origin.get(NOTE, model.classes)))
        self.classes = classes

    @property
    def decision(self) -> Any:
        """What ``predict`` decides for."""
        return json.loads(self._model.decision)

    @property
    def oof_proba(self) -> NDArray[np.float64] | None:
        """Cross-validated probabilities of the labeled train rows, (rows, K); None for a model that was loaded."""
        return None if self._fitted is None else self._fitted.out_of_fold

    def _held_out(self) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64] | None] | None:
        """Places of the classes, cross-validated probabilities (rows, K) and weights of the labeled train rows."""
        if self._fitted is None or self._fitted.out_of_fold is None:
            return None
        table, rows = self._fitted.table, self._fitted.labeled
        weights = table.sample_weight
        return table.labels[rows], self._fitted.out_of_fold, None if weights is None else weights[rows]

    def _answers(self, data: Any) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        if _is_bare(data):
            return self._model.predict(self._cube(data), threads=self._threads)
        return self._table(data)._core.predict(self._model, threads=self._threads)

    def _cube(self, data: Any) -> NDArray[Any]:
        """An array as n x m x K, classifiers and classes in the order of the model."""
        m, k = len(self.names), len(self.classes)
        array = np.asarray(data)
        if array.ndim == 3:
            if array.shape[1:] != (m, k) and (array.shape[0], array.shape[2]) == (m, k):
                array = array.transpose(1, 0, 2)
            array = array.reshape(len(array), -1) if array.shape[1:] == (m, k) else array
        array = matrix_of(array) if array.ndim == 2 else array
        if array.ndim != 2 or array.shape[1] != m * k:
            raise DataError(
                f"the array has the shape {np.shape(data)}; (n, {m}, {k}) or (n, {m * k}) is needed, the classes of a classifier "
                f"side by side in the order {self.classes.tolist()}"
            )
        return array.reshape(len(array), m, k)

    def _table(
        self, data: Any, y: Any = None, columns: Columns | None = None, *, scored: bool = False, weights: Any = None
    ) -> ClassTable:
        model = None if isinstance(data, (Table, ClassTable)) else self._model
        table = as_any_table(data, y, model=model, sample_weight=weights, scored=scored, **(columns or {}))
        if not isinstance(table, ClassTable):
            raise DataError(f"the table is of two classes, and the model of {len(self.classes)}: {self.classes.tolist()[:12]}")
        return table

    def predict_proba(self, data: Any) -> NDArray[np.float64]:
        """Probabilities of the classes for each row.

        Parameters
        ----------
        data : array (n, m, K) or (n, m K), ClassTable, path or data frame
            Predictions of the same classifiers; columns of tables are found by name.

        Returns
        -------
        ndarray of shape (n, K)
            In the order of ``classes``; rows add up to 1.
        """
        return self._answers(data)[0]

    def decision_function(self, data: Any) -> NDArray[np.float64]:
        """Log-odds of each class against all others.

        Parameters
        ----------
        data : array (n, m, K) or (n, m K), ClassTable, path or data frame
            Predictions of the same classifiers.

        Returns
        -------
        ndarray of shape (n, K)
            The logarithm of p / (1 - p) for each class.
        """
        from ._classes import log_odds

        return log_odds(self.predict_proba(data))

    def predict(self, data: Any) -> NDArray[Any]:
        """The class that the model decides for.

        Parameters
        ----------
        data : array (n, m, K) or (n, m K), ClassTable, path or data frame
            Predictions of the same classifiers.

        Returns
        -------
        ndarray of shape (n,)
            Of ``classes``.
        """
        return self.classes[self._answers(data)[1]]

    def explain(self, data: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What each classifier adds to the log-odds of each class against all others, and the rest.

        These are the log-odds before the classes are coupled to one distribution; NaN for a class of which there was
        nothing to learn.

        Parameters
        ----------
        data : array (n, m, K) or (n, m K), ClassTable, path or data frame
            Predictions of the same classifiers.

        Returns
        -------
        parts : ndarray of shape (n, m, K)
            What each classifier adds.
        rest : ndarray of shape (n, K)
            What belongs to none alone.
        """
        cube = self._cube(data) if _is_bare(data) else self._table(data)._core.aligned(self._model)
        return self._model.explain(cube, threads=self._threads)

    def weights(self) -> pd.DataFrame:
        """The weight of each classifier for each class against all others.

        Returns
        -------
        pandas.DataFrame
            A row for each classifier, a column for each class; NaN for a class of which there was nothing to learn.
        """
        frame = _frame([dict(zip(self.classes.tolist(), row, strict=True)) for row in self._model.weights.T.tolist()])
        frame.index = self.names
        return frame.rename_axis("classifier")

    def trust(self) -> pd.DataFrame:
        """The classifiers of each class, the most trusted first, with what is lost without each.

        Returns
        -------
        pandas.DataFrame
            A row for each class and classifier that has a say. "average_precision_lost" is that of the class against all
            others, cross-validated, with its 95% interval; the other columns are those of :meth:`Ensemble.weights`.
        """
        of_classes = zip(self.classes.tolist(), json.loads(self._model.trust), strict=True)
        learned = ((label, one["trust"]["classifiers"]) for label, one in of_classes if one["trust"] is not None)
        return _frame([{"class": label, **row} for label, found in learned for row in trust_rows(found)])

    def metrics(self) -> pd.DataFrame:
        """Scores of the combined prediction and of simple combiners, on cross-validated train rows and other splits.

        Returns
        -------
        pandas.DataFrame
            A row for each split and method, the combined prediction first. "better_by" is the log loss that the combined
            prediction saves, with its 95% interval; log loss, macro average precision and balanced accuracy have theirs.
        """
        return _frame(class_metric_rows(self.parts()))

    def per_class(self) -> pd.DataFrame:
        """Scores of each class against all others, combined prediction, cross-validated rows.

        Returns
        -------
        pandas.DataFrame
            A row for each class.
        """
        frame = _frame(self._summary()["per_class"])
        frame.insert(0, "class", self.classes.tolist())
        return frame

    def confusion(self) -> pd.DataFrame:
        """What was decided of what is true, cross-validated rows; counts are weighted.

        Returns
        -------
        pandas.DataFrame
            A row for each true class, a column for each decision.
        """
        labels = self.classes.tolist()
        frame = _frame([dict(zip(labels, row, strict=True)) for row in self._summary()["confusion"]["counts"]])
        frame.index = labels
        return frame.rename_axis("true")

    def _summary(self) -> dict[str, Any]:
        """Figures of the cross-validated rows, which a model file remembers."""
        summary: dict[str, Any] | None = self.info.get("out_of_fold")
        if summary is None:
            raise DataError("this model remembers no cross-validated figures; use cf_ensemble.evaluate(model, table)")
        return summary

    def _evaluate(self, data: Any, y: Any, columns: Columns, weights: Any = None) -> list[dict[str, Any]]:
        """Parts of the scores on a labeled table."""
        if _is_bare(data):
            table = _labeled_table(self._cube(data), y, self.classes, self.names, weights)
        else:
            table = self._table(data, y, columns, scored=True, weights=weights)
        return judged(table, self._model, self._threads)

    def _noted(self) -> _core.ClassModel:
        return self._model.with_note(NOTE, json.dumps(self.classes.tolist()))

    def __repr__(self) -> str:
        shown = ", ".join(map(str, self.classes[:4])) + ", ..." * (len(self.classes) > 4)
        return f"<ClassEnsemble of {len(self.names)} classifiers and {len(self.classes)} classes: {shown}>"

    def _repr_html_(self) -> str:
        return _notebook.class_ensemble_html(self)


def _is_bare(data: Any) -> bool:
    """Whether data are an array, whose columns have no names."""
    if isinstance(data, (Table, ClassTable, Mapping, str, os.PathLike)):
        return False
    return not hasattr(data, "columns") and not hasattr(data, "__arrow_c_stream__")


def _labeled_table(cube: NDArray[Any], y: Any, classes: NDArray[Any], names: list[str], weights: Any) -> ClassTable:
    """A table of rows to be scored; labels that the model does not know are left out, with a warning."""
    from ._labels import Labels

    if y is None:
        raise DataError("an array has no labels; give them: evaluate(model, P, y)")
    codes = codes_among(y, classes)
    weights = weights_of_rows(weights, np.ones(len(codes), dtype=bool))
    return class_table(cube, Labels(classes, codes), names, "the array", weights)


def codes_among(y: Any, classes: NDArray[Any]) -> NDArray[np.int64]:
    """The place of each label among the classes; -1 where there is none, and with a warning where it is none of them."""
    y = np.asarray(y)
    places = {label: place for place, label in enumerate(classes.tolist())}
    gone = missing_labels(y)
    codes = np.array([-1 if no else places.get(label, -1) for label, no in zip(y.tolist(), gone, strict=True)], dtype=np.int64)
    strange = (codes < 0) & ~gone
    if strange.all():
        raise DataError(f"no label is a class of the model; its classes are {classes.tolist()[:12]}")
    if strange.any():
        warn(f"{int(strange.sum())} rows are of classes that the model does not know; they are left out of the figures")
    return codes


def judged(table: ClassTable, model: _core.ClassModel, threads: int) -> list[dict[str, Any]]:
    """Scores of a model on a table, with a warning where it was trained on the rows."""
    parts: list[dict[str, Any]] = json.loads(table._core.evaluate(model, threads=threads))
    for part in parts:
        _warn_of_train_rows(f"the labeled rows of {part['name']!r}", part["in_sample_share"])
        if part["unknown_class"]:
            n = part["unknown_class"]
            warn(f"{n} rows of {part['name']!r} are of classes that the model does not know; they are left out of the figures")
    return parts


def evaluate_estimator(model: Any, X: Any, y: Any, sample_weight: Any = None) -> list[dict[str, Any]]:
    """Parts of the scores of a fitted estimator of several classes."""
    combiner = getattr(model, "combiner_", None)
    if isinstance(combiner, _core.ClassModel) and hasattr(model, "_cube"):
        return judged(_labeled_table(model._cube(X), y, model.classes_, combiner.classifier_names, sample_weight), combiner, 0)
    codes = codes_among(y, model.classes_)
    seen = codes >= 0
    p = np.ascontiguousarray(model.predict_proba(X)[seen], dtype=np.float64)
    weights = weights_of_rows(sample_weight, seen)
    return [json.loads(_core.measure_classes(codes[seen], [("combined", p)], sample_weight=weights))]


def measured_classes(y: Any, p: Any, sample_weight: Any = None) -> dict[str, Any]:
    """Scores of probabilities (n, K), or of a dict of them, in the order of the sorted labels."""
    from ._labels import classes_of

    methods = p if isinstance(p, Mapping) else {"predictions": p}
    classes, codes = classes_of(y, semi_supervised=True)
    seen = codes >= 0
    scored = []
    for name, values in methods.items():
        values = np.asarray(values, dtype=np.float64)
        if values.shape != (len(codes), len(classes)):
            raise DataError(
                f"{name!r} has the shape {values.shape}; ({len(codes)}, {len(classes)}) is needed, a column for each of the classes "
                f"{classes.tolist()[:12]}"
            )
        scored.append((str(name), np.ascontiguousarray(values[seen])))
    weights = weights_of_rows(sample_weight, seen)
    part: dict[str, Any] = json.loads(_core.measure_classes(codes[seen], scored, sample_weight=weights))
    return part
