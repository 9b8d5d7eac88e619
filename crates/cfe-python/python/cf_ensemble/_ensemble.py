"""The functions for people with tables: fit, load, evaluate, compare, report."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core, _notebook
from ._how import settings_json, threads_of
from ._missing import missing_labels
from ._progress import ProgressCallback, listener
from ._tables import ClassTable, Columns, Table, as_any_table, labels_of, matrix_of, options_of
from .errors import DataError, SettingsError, warn

if TYPE_CHECKING:
    import pandas as pd

    from ._class_ensemble import ClassEnsemble


class _Combined:
    """What fitted combiners of two classes and of more have in common."""

    _model: Any
    _fitted: Any
    _threads: int
    _parts: list[dict[str, Any]] | None

    @property
    def names(self) -> list[str]:
        """Names of the classifiers."""
        names: list[str] = self._model.classifier_names
        return names

    @property
    def info(self) -> dict[str, Any]:
        """Where the model comes from: method, settings, data, seed."""
        details = json.loads(self._model.details)
        return {**details.pop("provenance", {}), **details}

    def parts(self) -> list[dict[str, Any]]:
        """What :meth:`metrics` is made of, with all that a report shows.

        Returns
        -------
        list of dict
            A dict for each split.
        """
        if self._parts is None:
            if self._fitted is None:
                raise DataError("a model that was loaded does not hold its table; use cf_ensemble.evaluate(model, table)")
            self._parts = json.loads(self._fitted.metrics(threads=self._threads))
        return self._parts

    def report(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report for people: one HTML file without anything to load.

        Parameters
        ----------
        path : str or path-like, default=None
            Where to write it; None returns the text alone.

        Returns
        -------
        str
            The HTML.
        """
        if self._fitted is None:
            raise DataError("a model that was loaded does not hold its table; fit it again to get a report")
        html: str = self._fitted.report(threads=self._threads)
        if path is not None:
            _write(path, html)
        return html

    def _noted(self) -> Any:
        """The combiner, with what only this package knows."""
        return self._model

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model file, the same that ``cfe`` reads, whole or not at all.

        Parameters
        ----------
        path : str or path-like
            The file; ``.safetensors`` is usual.
        """
        self._noted().save(path)

    def __reduce__(self) -> Any:
        return type(self), (self._noted(),)


class Ensemble(_Combined):
    """A fitted combiner of two classes, from :func:`fit` or :func:`load`. In a notebook it shows the heart of its report.

    Attributes
    ----------
    names : list of str
        Names of the classifiers.
    threshold : float or None
        Probability from which on ``predict`` calls a row positive.
    info : dict
        Where the model comes from: method, settings, data, seed.
    """

    def __init__(self, model: _core.Model, fitted: _core.TableFit | None = None, threads: int = 0) -> None:
        self._model = model
        self._fitted = fitted
        self._threads = threads
        self._parts: list[dict[str, Any]] | None = None

    @property
    def threshold(self) -> float | None:
        """Probability from which on ``predict`` calls a row positive."""
        return self._model.threshold

    @property
    def oof_proba(self) -> NDArray[np.float64] | None:
        """Cross-validated probabilities of the labeled train rows; None for a model that was loaded."""
        return None if self._fitted is None else self._fitted.out_of_fold

    def _held_out(self) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64] | None] | None:
        """Labels, cross-validated probabilities and weights of the labeled train rows."""
        if self._fitted is None or self.oof_proba is None:
            return None
        table = self._fitted.table
        rows = table.in_train & (table.labels >= 0)
        weights = table.sample_weight
        return table.labels[rows], self.oof_proba, None if weights is None else weights[rows]

    def _input(self, data: Any) -> tuple[Any, Any]:
        """What the compiled half predicts from, without a copy where that can be, and the names of the rows."""
        if not isinstance(data, (Table, Mapping, str, os.PathLike)) and not hasattr(data, "columns"):
            if not hasattr(data, "__arrow_c_stream__"):
                return matrix_of(data), None
        columns = self._columns(data)
        if columns is not None:
            return columns, getattr(data, "index", None)
        table = as_any_table(data, model=None if isinstance(data, (Table, ClassTable)) else self._model)
        if isinstance(table, ClassTable):
            raise DataError(f"the table has {len(table.classes)} classes, and the model two; give the columns of its classifiers")
        if table.names == self.names:
            return table.P, table.ids
        missing = [name for name in self.names if name not in table.names]
        if missing:
            raise DataError(f"the classifier {missing[0]!r} is missing; the table has {table.names}")
        P = table.P
        return [P[:, table.names.index(name)] for name in self.names], table.ids

    def _columns(self, data: Any) -> list[NDArray[np.float64]] | None:
        """The columns of a mapping or a data frame; None where they are not plain probabilities in float64."""
        kept = self.info.get("columns", {})
        if kept.get("missing") or kept.get("scale", "fraction") != "fraction" or kept.get("input", "probability") != "probability":
            return None
        found = data if isinstance(data, Mapping) else getattr(data, "column_names", getattr(data, "columns", None))
        if found is None or isinstance(data, (Table, str, os.PathLike)) or any(name not in found for name in self.names):
            return None
        given = [data[name] for name in self.names]
        # A column of a lazy table, as duckdb has them, is not an array yet; such tables come as a stream.
        if not all(hasattr(column, "__array__") or isinstance(column, (list, tuple)) for column in given):
            return None
        columns = [np.asarray(column) for column in given]
        return columns if all(c.ndim == 1 and c.dtype == np.float64 for c in columns) else None

    def predict_proba(self, data: Any) -> NDArray[np.float64]:
        """Probabilities of negative and positive for each row.

        Parameters
        ----------
        data : array, Table, path or data frame
            Predictions of the same classifiers; columns of tables are found by name.

        Returns
        -------
        ndarray of shape (n, 2)
            Rows add up to 1.
        """
        matrix, ids = self._input(data)
        positive = self._model.predict(matrix, threads=self._threads, row_names=ids)[1]
        return np.column_stack([1 - positive, positive])

    def decision_function(self, data: Any) -> NDArray[np.float64]:
        """Log-odds of each row.

        Parameters
        ----------
        data : array, Table, path or data frame
            Predictions of the same classifiers.

        Returns
        -------
        ndarray of shape (n,)
            Log-odds of the positive class.
        """
        matrix, ids = self._input(data)
        return self._model.predict(matrix, threads=self._threads, row_names=ids)[0]

    def predict(self, data: Any, *, threshold: float | None = None) -> NDArray[np.int8]:
        """1 for the rows that are called positive.

        Parameters
        ----------
        data : array, Table, path or data frame
            Predictions of the same classifiers.
        threshold : float, default=None
            Probability from which on to call a row; None is that of the model, which was chosen on cross-validated rows.

        Returns
        -------
        ndarray of shape (n,)
            1 where the row is called positive, else 0.
        """
        cut = self.threshold if threshold is None else threshold
        if cut is None:
            raise DataError("the model has no threshold, as a class had a single row; say one with threshold=")
        return (self.predict_proba(data)[:, 1] >= cut).astype(np.int8)

    def explain(self, data: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What each classifier adds to the log-odds of each row, and the rest.

        Parameters
        ----------
        data : array, Table, path or data frame
            Predictions of the same classifiers.

        Returns
        -------
        parts : ndarray of shape (n, m)
            What each classifier adds.
        rest : ndarray of shape (n,)
            What belongs to none alone; all of a row add up to ``decision_function``.
        """
        matrix, ids = self._input(data)
        return self._model.explain(matrix, threads=self._threads, row_names=ids)

    def weights(self) -> pd.DataFrame:
        """The classifiers, the most trusted first, with what is lost without each and the one most like it.

        Returns
        -------
        pandas.DataFrame
            A row for each classifier.
        """
        return _frame(trust_rows(json.loads(self._model.trust)["classifiers"]))

    def metrics(self) -> pd.DataFrame:
        """Scores of the combined prediction and of simple combiners, on cross-validated train rows and other splits.

        Returns
        -------
        pandas.DataFrame
            A row for each split and method, the combined prediction first.
        """
        return _frame(metric_rows(self.parts()))

    def __repr__(self) -> str:
        return f"<Ensemble of {len(self.names)} classifiers: {', '.join(self.names[:4])}{', ...' * (len(self.names) > 4)}>"

    def _repr_html_(self) -> str:
        return _notebook.ensemble_html(self)


def fit(  # type: ignore[misc]  # folds belong to the fit and, where a model is read, to the columns
    data: Any,
    y: ArrayLike | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    method: str = "recommended",
    settings: Mapping[str, Any] | None = None,
    folds: int | None = None,
    calibrate: str | None = None,
    threshold: str | None = None,
    fallback: str | None = None,
    decision: Any = None,
    random_state: int = 0,
    n_jobs: int | None = None,
    progress: bool | ProgressCallback | None = None,
    **columns: Unpack[Columns],
) -> Ensemble | ClassEnsemble:
    """Fit a combiner to a table of predictions, as ``cfe fit`` does.

    With method "recommended" each classifier is left out in turn, of K > 2 classes for each class, which takes longer than
    the fit itself: :meth:`Ensemble.weights` and :meth:`ClassEnsemble.trust` tell what is lost without it.

    Parameters
    ----------
    data : Table, ClassTable, path, data frame, mapping of arrays or array
        Out-of-fold probabilities, a column for each classifier. Of K > 2 classes columns ``<classifier>:<class>``, or an
        array (n, m, K), or (n, m K) with the classes of a classifier side by side.
    y : array-like of shape (n,), default=None
        Labels, where the table has no column of them.
    sample_weight : array-like of shape (n,), default=None
        Weights of the rows, at least 0, where the table has no column of them: they count in training, metrics, threshold
        and calibration.
    method : {"recommended", "als", "torch"}, default="recommended"
        How the model is found.
    settings : mapping, default=None
        Settings of the method.
    folds : int, default=None
        Folds of the cross-validation; None is 5, or those of the table. With ``time=`` as many are scored, behind a
        first block of rows that is not.
    calibrate : {"none", "platt", "isotonic", "temperature"}, default=None
        Map from log-odds to probability, fitted on held-out rows.
    threshold : str, default=None
        What the threshold makes best: "f1", "fbeta=B", "mcc", "cost=FP,FN", "precision-at-recall=R" or
        "recall-at-precision=P"; None is "f1", or with ``cost=`` the least cost.
    fallback : {"mean"}, default=None
        What the model becomes where it is more likely to rank other rows worse than the plain mean.
    decision : {"largest", "macro_f1"} or array-like of shape (K, K), default=None
        Of K > 2 classes, what ``predict`` decides for: the largest probability, weights fitted for macro F1, or the least
        expected cost, with a row of costs for each true class and a column for each decision. None is the largest
        probability, or with ``cost=`` the least cost.
    random_state : int, default=0
        Seed.
    n_jobs : int, default=None
        Threads; None and -1 are all cores.
    progress : bool or callable, default=None
        True shows a bar of tqdm; a callable gets ``(done, total, loss)``.
    **columns
        What the columns mean, as in :func:`read`: ``label="sick", weight="w", exclude="age"``.

    Returns
    -------
    Ensemble or ClassEnsemble
        The fitted combiner, of two classes or of more.

    Raises
    ------
    DataError
        A table that cannot be learned from; the message names column and row.
    SettingsError
        Unknown settings, or values out of their range.

    Examples
    --------
    >>> import numpy as np
    >>> import cf_ensemble
    >>> rng = np.random.default_rng(0)
    >>> y = (rng.random(300) < 0.2).astype(int)
    >>> table = {f"clf{j}": 1 / (1 + np.exp(-(3 * y - 2 + rng.normal(size=300)))) for j in range(4)}
    >>> model = cf_ensemble.fit({**table, "label": y})
    >>> model.names
    ['clf0', 'clf1', 'clf2', 'clf3']
    """
    table = as_any_table(data, y, sample_weight=sample_weight, folds=folds, **columns)
    for text in table.warnings:
        warn(text)
    if decision is not None and not isinstance(table, ClassTable):
        raise SettingsError("decision= is for more than two classes; of two, threshold= says where to cut")
    options = {
        "trainer": method,
        "set": None if settings is None else dict(settings),
        "seed": int(random_state),
        "folds": folds,
        "calibrate": calibrate,
        "threshold": threshold,
        "fallback": fallback,
    }
    # What the columns mean is kept in the model, so that new tables are read alike.
    given = {**json.loads(options_of(cast("Columns", columns))), **{key: value for key, value in options.items() if value is not None}}
    threads = threads_of(n_jobs)
    if isinstance(table, ClassTable):
        from ._class_ensemble import ClassEnsemble
        from ._classes import decision_text, fit_classes

        # As `cfe fit` does, each classifier is left out in turn for each class.
        rule: dict[str, Any] = {"leave_out": True}
        if decision is not None:
            rule["decision"] = decision_text(decision, len(table.classes))
        done = fit_classes(table._core, settings_json(given), json.dumps(rule), threads=threads, progress=listener(progress))
        return ClassEnsemble(done.model, done, threads, table.classes)
    fitted = table._core.fit(settings_json(given), threads=threads, progress=listener(progress))
    return Ensemble(fitted.model, fitted, threads)


def load(path: str | os.PathLike[str]) -> Ensemble | ClassEnsemble:
    """The model of a file that ``cfe fit --model-out``, :meth:`Ensemble.save` or ``CFEnsembleClassifier.save`` wrote.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    Ensemble or ClassEnsemble
        It holds no table: scores come from :func:`evaluate`.
    """
    model = _core.load(path)
    if isinstance(model, _core.ClassModel):
        from ._class_ensemble import ClassEnsemble

        return ClassEnsemble(model)
    return Ensemble(model)


def evaluate(
    model: Any,
    data: Any,
    y: ArrayLike | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    **columns: Unpack[Columns],
) -> pd.DataFrame:
    """Scores a model, or probabilities, on labels that it has not seen.

    Rows that the model was trained on are noticed, also in single precision or rounded, and an
    :class:`~cf_ensemble.errors.InputWarning` says so.

    Parameters
    ----------
    model : Ensemble, ClassEnsemble, fitted estimator, or array-like of shape (n,)
        A fitted combiner; or labels, and then ``data`` are the probabilities: ``evaluate(y, p)``.
    data : Table, ClassTable, path, data frame, mapping, array
        Labeled predictions of the classifiers; or probabilities (n,), of K > 2 classes (n, K) in the order of the sorted
        labels, or a dict of them by name.
    y : array-like of shape (n,), default=None
        Labels, where the table has no column of them.
    sample_weight : array-like of shape (n,), default=None
        Weights of the rows, at least 0, where the table has no column of them. They count in every metric, as in
        scikit-learn, and in the intervals.
    **columns
        What the columns mean, as in :func:`read`.

    Returns
    -------
    pandas.DataFrame
        A row for each split and method. "better_by" is the average precision of the first less that of the method. Of
        more than two classes log loss, Brier score (0 to 2), and the means over the classes; "better_by" is then the log
        loss that the first saves.

    Examples
    --------
    >>> import numpy as np
    >>> import cf_ensemble
    >>> y = np.array([0, 0, 1, 0, 1, 1])
    >>> table = cf_ensemble.evaluate(y, {"good": y * 0.6 + 0.2, "coin": np.full(6, 0.5)})
    >>> table.set_index("method")["average_precision"].to_dict()
    {'good': 1.0, 'coin': 0.5}

    Three classes, whose first row counts twice:

    >>> p = np.array([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.5, 0.2, 0.3]])
    >>> table = cf_ensemble.evaluate(["a", "b", "c"], p, sample_weight=[2, 1, 1])
    >>> float(table["accuracy"][0])
    0.75
    """
    # Not at the head of the file: the estimators import scikit-learn, which takes a second.
    if hasattr(model, "classes_"):
        from ._classifier import CFEnsembleClassifier

        if y is None:
            raise DataError("an estimator is scored on rows and their labels: evaluate(estimator, X, y)")
        if len(model.classes_) > 2:
            from ._class_ensemble import evaluate_estimator

            return _frame(class_metric_rows(evaluate_estimator(model, data, y, sample_weight)))
        y = np.where(missing_labels(np.asarray(y)), np.nan, np.asarray(y) == model.classes_[1])
        if isinstance(model, CFEnsembleClassifier):
            labeled = np.ascontiguousarray(model._columns(data)[0][~np.isnan(y)])
            _warn_of_train_rows("the labeled rows", model.combiner_.train_row_share(labeled))
        methods = {"combined": model.predict_proba(data)[:, 1]}
        return _frame(metric_rows([measured(y, methods, sample_weight=sample_weight)]))
    if hasattr(model, "_evaluate"):  # a ClassEnsemble
        return _frame(class_metric_rows(model._evaluate(data, y, columns, sample_weight)))
    if not isinstance(model, Ensemble):
        if _is_of_classes(data):
            from ._class_ensemble import measured_classes

            return _frame(class_metric_rows([measured_classes(model, data, sample_weight)]))
        return _frame(metric_rows([measured(model, data, sample_weight=sample_weight)]))
    given = None if isinstance(data, Table) else model._model
    table = as_any_table(_named(data, model), y, model=given, sample_weight=sample_weight, scored=True, **columns)
    if isinstance(table, ClassTable):
        raise DataError(f"the table has {len(table.classes)} classes, and the model two; give the columns of its classifiers")
    if table.names != model.names:
        # A Table that was read by itself holds its columns in its own order.
        found = dict(zip(model.names, model._input(table)[0], strict=True))
        labels = np.where(table.y < 0, np.nan, table.y)
        again = as_any_table(found, labels, model=model._model, sample_weight=table.sample_weight, scored=True)
        assert isinstance(again, Table)
        table = again
    parts = json.loads(table._core.evaluate(model._model, threads=model._threads))
    for part in parts:
        _warn_of_train_rows(f"the labeled rows of {part['name']!r}", part["in_sample_share"])
    return _frame(metric_rows(parts))


def _is_of_classes(data: Any) -> bool:
    """Whether probabilities are of three classes or more."""
    first: Any = next(iter(data.values()), None) if isinstance(data, Mapping) else data
    shape = np.shape(first)
    return len(shape) == 2 and shape[1] > 2


def _warn_of_train_rows(rows: str, share: float | None) -> None:
    """A model is too good on rows whose labels it has seen."""
    # Below this share chance may have made equal rows, and figures move little.
    if share is not None and share >= 0.05:
        warn(
            f"the model was trained on {share:.0%} of {rows}, so their figures are too good: judge by rows that it has "
            "not seen, or by the cross-validated figures of the fit"
        )


def _named(data: Any, model: Ensemble) -> Any:
    """An array as columns under the names of the classifiers, which it has in their order."""
    if isinstance(data, (np.ndarray, list)):
        matrix = matrix_of(data)
        if matrix.shape[1] != len(model.names):
            raise DataError(f"the array has {matrix.shape[1]} columns, and the model {len(model.names)} classifiers")
        return dict(zip(model.names, matrix.T, strict=True))
    return data


def weights_of_rows(sample_weight: Any, seen: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """The weights of the rows that are scored."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != seen.shape:
        raise DataError(f"sample_weight has the shape {weights.shape}; {seen.shape} is needed, one for each label")
    return np.ascontiguousarray(weights[seen])


def measured(y: Any, p: Any, cut: dict[str, Any] | None = None, *, sample_weight: Any = None) -> dict[str, Any]:
    """Scores of probabilities: what :func:`evaluate` is made of."""
    methods = p if isinstance(p, Mapping) else {"predictions": p}
    n = len(y)
    labels = labels_of(y, n)
    seen = labels >= 0
    scored = []
    for name, values in methods.items():
        values = np.asarray(values, dtype=np.float64)
        if values.ndim == 2 and values.shape[1] == 2:
            values = values[:, 1]
        if values.shape != (n,):
            raise DataError(f"{name!r} has the shape {values.shape}; ({n},) is needed, one for each label")
        values = np.ascontiguousarray(values[seen])
        # Scores outside [0, 1] are ranked by and not judged as probabilities.
        honest = bool(((values >= 0) & (values <= 1)).all())
        scored.append((str(name), values, values if honest else None))
    text = None if cut is None else json.dumps(cut)
    weights = weights_of_rows(sample_weight, seen)
    part: dict[str, Any] = json.loads(_core.measure(labels[seen], scored, sample_weight=weights, cut=text))
    return part


def compare(
    data: Any,
    y: ArrayLike | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
    **columns: Unpack[Columns],
) -> pd.DataFrame:
    """Every combiner on cross-validated rows, with intervals.

    Parameters
    ----------
    data : array, Table, ClassTable, path, data frame or mapping
        Out-of-fold probabilities, as :func:`fit` takes them.
    y : array-like of shape (n,), default=None
        Labels, where the table has no column of them.
    sample_weight : array-like of shape (n,), default=None
        Weights of the rows, where the table has no column of them.
    random_state : int, default=0
        Seed of folds and resamples.
    n_jobs : int, default=None
        Threads; None and -1 are all cores.
    **columns
        What the columns mean, as in :func:`read`.

    Returns
    -------
    pandas.DataFrame
        A row for each method, the best average precision first, or of more than two classes the best log loss.
        "better_by" is the average precision of the combined prediction less that of the method, or of more than two classes
        the log loss that it saves, with the 95% interval on the same resamples.
    """
    frame = fit(data, y, sample_weight=sample_weight, random_state=random_state, n_jobs=n_jobs, **columns).metrics()
    by, ascending = ("average_precision", False) if "average_precision" in frame else ("log_loss", True)
    return frame.sort_values(["part", by], ascending=[True, ascending], kind="stable", ignore_index=True)


def report(data: Any, path: str | os.PathLike[str] | None = None, y: ArrayLike | None = None, **options: Any) -> str:
    """The report of a fit: is it better than averaging, whom does it trust, are the probabilities honest, where to cut.

    Parameters
    ----------
    data : Ensemble or ClassEnsemble, or what :func:`fit` takes
        A fitted combiner, or the table to fit one to.
    path : str or path-like, default=None
        Where to write the HTML.
    y : array-like of shape (n,), default=None
        Labels, where the table has no column of them.
    **options
        As in :func:`fit`.

    Returns
    -------
    str
        The HTML.
    """
    if hasattr(data, "classes_"):
        raise DataError("an estimator does not hold the rows that a report is made of; give them: report(P, path, y)")
    model = data if isinstance(data, _Combined) else fit(data, y, **options)
    return model.report(path)


def trust_rows(classifiers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the table of weights."""
    rows = []
    for one in classifiers:
        lost, like = one["average_precision_lost"] or {}, one["redundancy"] or {}
        rows.append(
            {
                "classifier": one["name"],
                "weight": one["weight"],
                "share": one["share"],
                "average_precision_lost": lost.get("estimate"),
                "lost_lower": lost.get("lower"),
                "lost_upper": lost.get("upper"),
                "most_like": like.get("most_like"),
                "correlation": like.get("correlation"),
            }
        )
    return rows


def metric_rows(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the table of scores."""
    rows = []
    for part in parts:
        for one in part["methods"]:
            own, gain = one["average_precision_interval"] or {}, one["combined_is_better_by"] or {}
            rows.append(
                {
                    "part": part["name"],
                    "method": one["name"],
                    "average_precision": one["average_precision"],
                    "lower": own.get("lower"),
                    "upper": own.get("upper"),
                    "better_by": gain.get("estimate"),
                    "better_by_lower": gain.get("lower"),
                    "better_by_upper": gain.get("upper"),
                    "roc_auc": one["roc_auc"],
                    "log_loss": one["log_loss"],
                    "brier": one["brier"],
                    "ece": one["ece"],
                    "best_f1": one["best_f1"],
                    "rows": part["rows"],
                    "positives": part["positives"],
                }
            )
    return rows


#: Figures of several classes: the column of the table, and the name in the compiled half.
CLASS_FIGURES = {
    "log_loss": "log_loss",
    "brier": "brier",
    "macro_average_precision": "macro_average_precision",
    "macro_roc_auc": "macro_roc_auc",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "macro_f1": "macro_f1",
    "mcc": "mcc",
    "ece": "top_label_ece",
}


#: Those of them that have an interval.
CLASS_INTERVALS = ("log_loss", "macro_average_precision", "balanced_accuracy")


def class_metric_rows(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the table of scores of several classes."""
    rows = []
    for part in parts:
        for one in part["methods"]:
            own, gain = one.get("intervals", {}), one.get("combined_is_better_by", {}).get("log_loss", {})
            row = {"part": part["name"], "method": one["name"]}
            for column, name in CLASS_FIGURES.items():
                row[column] = one["metrics"][name]
                if column in CLASS_INTERVALS:
                    interval = own.get(column, {})
                    row |= {f"{column}_lower": interval.get("lower"), f"{column}_upper": interval.get("upper")}
            row |= {
                "better_by": gain.get("estimate"),
                "better_by_lower": gain.get("lower"),
                "better_by_upper": gain.get("upper"),
            }
            if "mean_cost" in one:
                row["mean_cost"] = one["mean_cost"]
            rows.append({**row, "rows": part["rows"]})
    return rows


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    try:
        import pandas
    except ImportError as error:
        raise ImportError("tables of results are pandas data frames: pip install pandas") from error
    return pandas.DataFrame(rows)


def _write(path: str | os.PathLike[str], text: str) -> None:
    """Writes a file whole or not at all."""
    import tempfile

    folder = os.path.dirname(os.fspath(path)) or "."
    handle, draft = tempfile.mkstemp(dir=folder, prefix=".cf_ensemble-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
