"""Tables of predictions: from files, data frames, arrays, and what other tools export."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from .errors import DataError, InputWarning


class Table:
    """Predictions of m classifiers for n instances, with labels for some; made by :func:`read` and its kin.

    Attributes
    ----------
    P : ndarray of shape (n, m)
        Probabilities of the positive class, NaN where a classifier gave none.
    y : ndarray of shape (n,)
        Labels: 1, 0, or -1 where there is none.
    names : list of str
        Names of the classifiers.
    in_train : ndarray of shape (n,)
        Whether a row is learned from.
    """

    def __init__(self, core: _core.Table) -> None:
        self._core = core

    @property
    def P(self) -> NDArray[np.float64]:
        return self._core.predictions

    @property
    def y(self) -> NDArray[np.int8]:
        return self._core.labels

    @property
    def names(self) -> list[str]:
        return self._core.classifier_names

    @property
    def in_train(self) -> NDArray[np.bool_]:
        return self._core.in_train

    @property
    def ids(self) -> list[str] | None:
        """The id column, if there is one."""
        return self._core.ids

    @property
    def groups(self) -> list[str] | None:
        """The group column, if one was named."""
        return self._core.groups

    @property
    def split(self) -> list[str] | None:
        """The split column, if one was named."""
        return self._core.split

    @property
    def warnings(self) -> list[str]:
        """What is odd about the table, but no reason to stop."""
        return self._core.warnings

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m)."""
        return self._core.shape

    def findings(self) -> list[dict[str, Any]]:
        """Missing predictions, near-duplicate and inverted classifiers, shift between splits.

        Returns
        -------
        list of dict
            ``kind``, ``classifiers`` and ``text`` of each finding.
        """
        found: list[dict[str, Any]] = json.loads(self._core.findings())
        return found

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        n, m = self.shape
        y = self.y
        return f"<Table {self._core.name!r}: {n} rows x {m} classifiers, {(y == 1).sum()} positive, {(y == 0).sum()} negative>"


def options_of(
    *,
    label: str | None = None,
    id: str | None = None,
    split: str | None = None,
    train_value: str | None = None,
    group: str | None = None,
    columns: str | Sequence[str] | None = None,
    delimiter: str | None = None,
    **more: Any,
) -> str:
    """Options of the compiled half, as JSON."""
    named = {
        "label_column": label,
        "id_column": id,
        "split_column": split,
        "train_value": train_value,
        "group_column": group,
        "columns": [columns] if isinstance(columns, str) else columns,
        "delimiter": delimiter,
        **more,
    }
    return json.dumps({key: value for key, value in named.items() if value is not None})


def read(
    path: str | os.PathLike[str],
    *,
    label: str | None = None,
    id: str | None = None,
    split: str | None = None,
    train_value: str | None = None,
    group: str | None = None,
    columns: str | Sequence[str] | None = None,
    delimiter: str | None = None,
) -> Table:
    """Reads a table of predictions: CSV or TSV (also gzipped), Parquet, Arrow IPC, NPY, NPZ.

    Parameters
    ----------
    path : str or path-like
        The file.
    label : str, default=None
        Column of the labels (0, 1 or empty); None is "label", if there is one.
    id : str, default=None
        Column of the ids; None is "instance_id", if there is one.
    split : str, default=None
        Column of the split; rows outside the train split are scored and never learned from.
    train_value : str, default=None
        Value of the split column in rows for training; None is "train".
    group : str, default=None
        Column of groups that cross-validation keeps together.
    columns : str or list of str, default=None
        Columns of the classifiers, as names or patterns with * and ?; None is all that mean nothing else.
    delimiter : str, default=None
        Delimiter of a text table; None is the one that cuts the header.

    Returns
    -------
    Table

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import cf_ensemble
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "predictions.csv"
    >>> _ = file.write_text("label,forest,svm\\n1,0.9,0.7\\n0,0.2,\\n,0.4,0.6\\n")
    >>> cf_ensemble.read(file).P
    array([[0.9, 0.7],
           [0.2, nan],
           [0.4, 0.6]])
    """
    options = options_of(
        label=label, id=id, split=split, train_value=train_value, group=group, columns=columns, delimiter=delimiter
    )
    return Table(_core.Table.read(path, options))


def as_table(
    data: Any,
    y: Any = None,
    *,
    groups: Any = None,
    classifiers: list[str] | None = None,
    **columns: Any,
) -> Table:
    """A table of whatever holds one: a Table, a path, an Arrow stream (pyarrow, polars, duckdb, pandas), a mapping of
    arrays, a 2-D array."""
    if isinstance(data, Table):
        return data
    if isinstance(data, (str, os.PathLike)):
        return Table(_core.Table.read(data, options_of(**columns), classifiers=classifiers))
    if y is None and hasattr(data, "__arrow_c_stream__"):
        return Table(_core.Table.from_stream(data, type(data).__name__, options_of(**columns), classifiers=classifiers))
    if isinstance(data, Mapping) or (y is None and hasattr(data, "columns")):
        return _of_mapping(data, y, groups, classifiers, columns)
    names = getattr(data, "columns", None)
    array = _matrix(data)
    names = [f"clf_{j}" for j in range(array.shape[1])] if names is None else [str(name) for name in names]
    return _of_array(array, y, names, groups, type(data).__name__, getattr(data, "index", None))


def _of_mapping(data: Any, y: Any, groups: Any, classifiers: list[str] | None, columns: dict[str, Any]) -> Table:
    columns = {key: value for key, value in columns.items() if value is not None}
    keys = [str(key) for key in (data.columns if hasattr(data, "columns") else data)]
    label, group = columns.pop("label", None), columns.pop("group", None)
    label = "label" if label is None and "label" in keys and y is None else label
    if columns:
        raise DataError(
            f"{sorted(columns)} cannot be told of a mapping of arrays; hand over a data frame with __arrow_c_stream__ "
            "(polars, pyarrow, pandas with pyarrow), or leave them out"
        )
    for name in (label, group):
        if name is not None and name not in keys:
            raise DataError(f"there is no column {name!r}; the columns are {keys}")
    names = [key for key in keys if key not in (label, group)] if classifiers is None else classifiers
    missing = [name for name in names if name not in keys]
    if missing:
        raise DataError(f"the classifier {missing[0]!r} is missing; the columns are {keys}")
    matrix = np.column_stack([np.asarray(data[name], dtype=np.float64) for name in names])
    y = data[label] if label is not None else y
    groups = data[group] if group is not None else groups
    return _of_array(matrix, y, names, groups, type(data).__name__, getattr(data, "index", None))


def _matrix(data: Any) -> NDArray[Any]:
    array = np.asarray(data)
    if array.ndim != 2:
        raise DataError(
            f"the predictions have {array.ndim} dimensions; 2 are needed, a row for each instance and a column for each "
            "classifier"
        )
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _of_array(array: NDArray[Any], y: Any, names: list[str], groups: Any, name: str, index: Any) -> Table:
    labels = labels_of(y, len(array))
    groups = None if groups is None else [str(group) for group in groups]
    core = _core.Table.from_arrays(array, labels, names, name, groups=groups, row_names=index)
    return Table(core)


def labels_of(y: Any, n: int) -> NDArray[np.int8]:
    """Labels as 1, 0 and -1 for none; the greater of two classes is 1."""
    if y is None:
        return np.full(n, -1, dtype=np.int8)
    from ._labels import encode

    if len(y) != n:
        raise DataError(f"{n} rows of predictions and {len(y)} labels; give one label for each row")
    return encode(y, None, semi_supervised=True)[1]


# What other tools export.

#: Names of models that contain the others, as AutoML tools give them.
CONTAINERS = ("WeightedEnsemble", "StackedEnsemble", "_FULL", "Ensemble_L", "VotingEnsemble", "StackEnsemble")

_ROWS = ("row_ids", "row_id", "rowIndex", ".row", "row")
_LABELS = ("truth", "obs", "label", "target", "y")
_MODELS = ("model", "learner", "learner_id", "model_id", "method", "wflow_id", ".config", "classifier")


def from_predictions(
    obj: Any, y: Any = None, *, positive: Any = None, id: str | None = None, value: str | None = None
) -> Table:
    """A table of what other tools export.

    Parameters
    ----------
    obj : dict, data frame or list of paths
        - A dict of the models' predictions by name: arrays (n,) or (n, 2), Series or data frames with a column for each
          class. So come ``cross_val_predict(method="predict_proba")`` in a loop, AutoGluon's ``predict_proba_multi`` and
          H2O's ``cross_validation_holdout_predictions`` (frames ``predict, p0, p1``).
        - A dict or list of long tables, or one with a column of the model: mlr3's ``as.data.table(prediction)``,
          tidymodels' ``collect_predictions``, caret's ``fit$pred``. Repeated predictions of a row are averaged.
        - A list of files of out-of-fold predictions, one a model, joined on ``id``.
    y : array-like of shape (n,), default=None
        Labels; None takes those of long tables, or leaves rows without.
    positive : label, default=None
        The positive class; None is the greater one (of columns: the last).
    id : str, default=None
        Column that files and long tables are joined on; None is found by usual names.
    value : str, default=None
        Column of the probability; None is found by usual names.

    Returns
    -------
    Table

    Examples
    --------
    >>> import numpy as np
    >>> import cf_ensemble
    >>> two = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> cf_ensemble.from_predictions({"lr": two, "nb": two[:, 1]}, y=[0, 1]).P
    array([[0.1, 0.1],
           [0.8, 0.8]])
    """
    if isinstance(obj, Mapping):
        columns = {str(name): frame for name, frame in obj.items()}
        if columns and all(_is_long(frame, id) for frame in columns.values()):
            return _of_long({name: _frame(frame) for name, frame in columns.items()}, y, positive, id, value)
        return _of_dict(columns, y, positive)
    if isinstance(obj, (list, tuple)) and all(isinstance(item, (str, os.PathLike)) for item in obj):
        return _of_files([os.fspath(item) for item in obj], y, positive, id, value)
    if hasattr(obj, "columns"):
        frame = _frame(obj)
        model = next((name for name in _MODELS if name in frame), None)
        if model is None:
            raise DataError(
                f"the long table has no column of the model; its columns are {list(frame)}, known are {list(_MODELS)}. "
                "Give a dict of tables by model instead"
            )
        # Tables of a model, in order of appearance.
        which = np.asarray(frame[model]).astype(str)
        order = dict.fromkeys(which.tolist())
        parts = {name: {key: np.asarray(column)[which == name] for key, column in frame.items()} for name in order}
        return _of_long(parts, y, positive, id, value)
    raise DataError(
        f"{type(obj).__name__} is not known; give a dict of predictions by model, a long data frame, or a list of files"
    )


def _drop_containers(names: Iterable[str]) -> list[str]:
    names = list(names)
    dropped = [name for name in names if any(mark in name for mark in CONTAINERS)]
    kept = [name for name in names if name not in dropped]
    if dropped and kept:
        warnings.warn(
            f"left out {', '.join(dropped)}: ensembles that contain the others; rename them to keep them",
            InputWarning,
            stacklevel=4,
        )
        return kept
    return names


def _frame(obj: Any) -> dict[str, NDArray[Any]]:
    """The columns of a data frame of any library."""
    if isinstance(obj, Mapping):
        return {str(key): np.asarray(column) for key, column in obj.items()}
    return {str(key): np.asarray(obj[key]) for key in obj.columns}


def _is_long(frame: Any, id: str | None) -> bool:
    columns = [str(c) for c in getattr(frame, "columns", [])]
    return any(name in columns for name in ([id] if id else _ROWS))


def _of_dict(columns: dict[str, Any], y: Any, positive: Any) -> Table:
    names = _drop_containers(columns)
    if not names:
        raise DataError("the dict is empty; give the predictions of each model by its name")
    values, index = [], None
    for name in names:
        frame = columns[name]
        here = getattr(frame, "index", None)
        if index is None:
            index = here
        elif here is not None and (len(here) != len(index) or not (np.asarray(here) == np.asarray(index)).all()):
            raise DataError(f"the rows of {name!r} are not those of {names[0]!r}; bring them into one order first")
        values.append(_positive_column(name, frame, positive))
    lengths = {len(column) for column in values}
    if len(lengths) > 1:
        raise DataError(f"the models have {sorted(lengths)} predictions; give each one for each row")
    return _of_array(np.column_stack(values), _turn(y, positive), names, None, "predictions by model", index)


def _turn(y: Any, positive: Any) -> Any:
    """Labels with the positive class as the greater one."""
    if y is None or positive is None:
        return y
    from ._labels import missing

    y = np.asarray(y)
    out = (y == positive).astype(float)
    out[missing(y)] = np.nan
    return out


def _positive_column(name: str, frame: Any, positive: Any) -> NDArray[np.float64]:
    if hasattr(frame, "columns"):
        columns = _frame(frame)
        keys = [key for key in columns if key != "predict"]
        wanted = None if positive is None else [str(positive), f"p{positive}", f"prob.{positive}", f".pred_{positive}"]
        key = keys[-1] if wanted is None else next((key for key in wanted if key in keys), None)
        if key is None:
            raise DataError(f"{name!r} has no column of the class {positive!r}; its columns are {keys}")
        if wanted is None and len(keys) > 2:
            raise DataError(f"{name!r} has {len(keys)} columns {keys}; say which class is meant with positive=")
        return columns[key].astype(np.float64)
    array = np.asarray(frame, dtype=np.float64)
    if array.ndim == 2 and array.shape[1] == 2:
        return array[:, 1]
    if array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    if array.ndim != 1:
        raise DataError(f"{name!r} has the shape {array.shape}; (n,) or (n, 2) is needed")
    return array


def _of_long(
    parts: dict[str, dict[str, NDArray[Any]]], y: Any, positive: Any, id: str | None, value: str | None
) -> Table:
    names = _drop_containers(parts)
    rows: dict[Any, int] = {}
    labels: dict[int, Any] = {}
    sums: list[tuple[NDArray[np.intp], NDArray[np.float64]]] = []
    repeated = False
    for name in names:
        frame = parts[name]
        key = id if id is not None else next((row for row in _ROWS if row in frame), None)
        if key is None or key not in frame:
            raise DataError(f"{name!r} has no column of the row; its columns are {list(frame)}: say it with id=")
        label = next((column for column in _LABELS if column in frame), None)
        here = frame[key].tolist()
        at = np.array([rows.setdefault(row, len(rows)) for row in here], dtype=np.intp)
        repeated = repeated or len(np.unique(at)) < len(at)
        probability = frame[_value_column(name, frame, label, positive, value)].astype(np.float64)
        sums.append((at, probability))
        if label is not None:
            labels.update(zip(at.tolist(), frame[label].tolist(), strict=True))
    matrix = np.full((len(rows), len(names)), np.nan)
    for j, (at, probability) in enumerate(sums):
        total = np.bincount(at, probability, len(rows))
        count = np.bincount(at, minlength=len(rows))
        seen = count > 0
        matrix[seen, j] = total[seen] / count[seen]
    if repeated:
        warnings.warn(
            "rows were predicted several times (repeated cross-validation): their mean is taken", InputWarning, stacklevel=4
        )
    if y is None and labels:
        y = np.array([labels.get(i) for i in range(len(rows))])
    return _of_array(matrix, _turn(y, positive), names, None, "long tables", list(rows))


def _value_column(
    name: str, frame: dict[str, NDArray[Any]], label: str | None, positive: Any, value: str | None
) -> str:
    if value is not None:
        if value not in frame:
            raise DataError(f"{name!r} has no column {value!r}; its columns are {list(frame)}")
        return value
    classes = [] if label is None else sorted({str(v) for v in frame[label].tolist()})
    wanted = [str(positive)] if positive is not None else classes[::-1]
    for one in wanted:
        for key in (f"prob.{one}", f".pred_{one}", f"p{one}", one):
            if key in frame:
                return key
    raise DataError(
        f"{name!r} has no column of a probability that is known; its columns are {list(frame)}: say it with value="
    )


def _of_files(paths: list[str], y: Any, positive: Any, id: str | None, value: str | None) -> Table:
    if not paths:
        raise DataError("the list of files is empty")
    parts: dict[str, dict[str, NDArray[Any]]] = {}
    for path in paths:
        name = os.path.basename(path).split(".")[0].removeprefix("oof_")
        if path.endswith(".npy"):
            array = np.load(path, allow_pickle=False)
            column = _positive_column(name, array, positive)
            parts[name] = {"row": np.arange(len(column)), "prediction": column}
            continue
        parts[name] = _read_csv(path)
    key = id if id is not None else ("row" if all("row" in part for part in parts.values()) else None)
    if key is None:
        first = next(iter(parts.values()))
        key = next((name for name in ("id", "instance_id", *_ROWS) if name in first), None)
        if key is None:
            raise DataError(f"{paths[0]}: no column to join on; its columns are {list(first)}: say it with id=")
    if value is None:
        first = next(iter(parts.values()))
        usual = ("prediction", "pred", "p", "proba", "probability", "score", "oof", "target_pred")
        value = next((name for name in usual if name in first), None)
        if value is None:
            free = [name for name in first if name not in (key, *_LABELS)]
            value = free[0] if len(free) == 1 else None
    return _of_long(parts, y, positive, key, value)


def _read_csv(path: str) -> dict[str, NDArray[Any]]:
    import csv
    import gzip

    opened = gzip.open(path, "rt", newline="") if path.endswith(".gz") else open(path, newline="")
    with opened as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise DataError(f"{path}: there is no row")
    out: dict[str, NDArray[Any]] = {}
    for key in rows[0]:
        text = [row[key] for row in rows]
        try:
            out[key] = np.array([float(v) if v else np.nan for v in text])
            if np.isfinite(out[key]).all() and (out[key] == out[key].round()).all():
                out[key] = out[key].astype(np.int64)
        except ValueError:
            out[key] = np.array(text)
    return out
