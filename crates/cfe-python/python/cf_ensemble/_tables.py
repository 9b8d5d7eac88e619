"""Tables of predictions: from files, data frames, arrays, and what other tools export."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._missing import missing_labels
from .errors import DataError, warn


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
    taken : str
        What the columns were taken for, in one line.
    passed_over : dict
        Columns that were not read, each with the reason.
    """

    def __init__(self, core: _core.Table) -> None:
        self._core = core

    @property
    def P(self) -> NDArray[np.float64]:
        """Probabilities of the positive class, NaN where a classifier gave none."""
        return self._core.predictions

    @property
    def y(self) -> NDArray[np.int8]:
        """Labels: 1, 0, or -1 where there is none."""
        return self._core.labels

    @property
    def names(self) -> list[str]:
        """Names of the classifiers."""
        return self._core.classifier_names

    @property
    def in_train(self) -> NDArray[np.bool_]:
        """Whether a row is learned from."""
        return self._core.in_train

    @property
    def taken(self) -> str:
        """What the columns were taken for, in one line."""
        return self._core.taken

    @property
    def passed_over(self) -> dict[str, str]:
        """Columns that were not read, each with the reason."""
        return dict(self._core.passed_over)

    @property
    def ids(self) -> list[str] | None:
        """The id column, if there is one."""
        return self._core.ids

    @property
    def groups(self) -> list[str] | None:
        """The group column, if one was named."""
        return self._core.groups

    @property
    def sample_weight(self) -> NDArray[np.float64] | None:
        """Weights of the rows, if there are some."""
        return self._core.sample_weight

    @property
    def folds(self) -> list[str] | None:
        """The fold column, if there is one."""
        return self._core.folds

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


class Columns(TypedDict, total=False):
    """What the columns of a table mean and how its cells are read: the arguments of :func:`read`."""

    label: str | None
    pos_label: Any
    id: str | None
    split: str | None
    train_value: str | None
    group: str | None
    weight: str | None
    fold: str | None
    time: str | None
    cost: str | None
    folds: int | None
    columns: str | Sequence[str] | None
    exclude: str | Sequence[str] | None
    missing: str | Sequence[str] | None
    scale: str | None
    input: str | None
    encoding: str | None
    delimiter: str | None
    labels_file: str | os.PathLike[str] | None


#: Arguments that have another name in the compiled half.
_RENAMED = {
    "label": "label_column",
    "pos_label": "positive_label",
    "id": "id_column",
    "split": "split_column",
    "group": "group_column",
    "weight": "weight_column",
    "fold": "fold_column",
    "time": "time_column",
    "cost": "cost_column",
}


def options_of(columns: Columns) -> str:
    """Options of the compiled half, as JSON."""
    given: dict[str, Any] = {_RENAMED.get(key, key): value for key, value in columns.items() if value is not None}
    for key in ("columns", "exclude", "missing"):
        if isinstance(given.get(key), str):
            given[key] = [given[key]]
    for key in ("positive_label", "labels_file"):
        if key in given:
            given[key] = str(given[key])
    return json.dumps(given)


def read(
    path: str | os.PathLike[str],
    *,
    label: str | None = None,
    pos_label: Any = None,
    id: str | None = None,
    split: str | None = None,
    train_value: str | None = None,
    group: str | None = None,
    weight: str | None = None,
    fold: str | None = None,
    time: str | None = None,
    cost: str | None = None,
    columns: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    missing: str | Sequence[str] | None = None,
    scale: str | None = None,
    input: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    labels_file: str | os.PathLike[str] | None = None,
) -> Table:
    """Read a table of predictions, as the program ``cfe`` reads it.

    The file is CSV or TSV (also compressed), Parquet, Arrow IPC, NPY or NPZ. What is not said is guessed from names and
    contents; ``Table.taken`` says what was guessed, and a warning names the columns that were passed over.

    Parameters
    ----------
    path : str or path-like
        The file.
    label : str, default=None
        Column of the labels (two values, or empty); None looks for a usual name.
    pos_label : label, default=None
        Value of the label column in rows of the positive class; None is told by the values.
    id : str, default=None
        Column of the ids; None looks for a usual name.
    split : str, default=None
        Column of the split; rows outside the train split are scored and never learned from.
    train_value : str, default=None
        Value of the split column in rows for training; None is "train".
    group : str, default=None
        Column of groups that cross-validation keeps together.
    weight : str, default=None
        Column of the weights of the rows, at least 0; None takes one named "sample_weight".
    fold : str, default=None
        Column of the folds that the predictions were made in, which cross-validation follows; None takes one named
        "fold" or "cv_fold".
    time : str, default=None
        Column of when a row happened, numbers or ISO 8601 dates: rows are scored by earlier ones.
    cost : str, default=None
        Column of what a wrong decision about a row costs, at least 0: the threshold then costs least.
    columns : str or list of str, default=None
        Columns of the classifiers, as names or patterns with * and ?; None is all that mean nothing else.
    exclude : str or list of str, default=None
        Columns that are not classifiers, as names or patterns.
    missing : str or list of str, default=None
        Cells that stand for a missing value, besides empty ones and the usual words.
    scale : {"fraction", "percent"}, default=None
        What a number stands for; None is "fraction", from 0 to 1.
    input : {"probability", "score"}, default=None
        What a classifier says; a score s is taken as 1 / (1 + exp(-s)). None is "probability".
    encoding : str, default=None
        Encoding of a text table; None is UTF-8, or what its byte order mark says.
    delimiter : str, default=None
        Delimiter of a text table; None is the one that cuts the header.
    labels_file : str or path-like, default=None
        Labels of a table in NPY; None is labels.npy beside it.

    Returns
    -------
    Table
        The predictions, labels and names.

    Raises
    ------
    DataError
        A file that cannot be read; the message names the file, the row and the column.

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
    how = Columns(
        label=label,
        pos_label=pos_label,
        id=id,
        split=split,
        train_value=train_value,
        group=group,
        weight=weight,
        fold=fold,
        time=time,
        cost=cost,
        columns=columns,
        exclude=exclude,
        missing=missing,
        scale=scale,
        input=input,
        encoding=encoding,
        delimiter=delimiter,
        labels_file=labels_file,
    )
    if not isinstance(path, (str, os.PathLike)):
        raise DataError(f"read() takes a file, not a {type(path).__name__}; fit(), evaluate() and compare() take it as it is")
    return as_table(path, **how)


def as_table(
    data: Any, y: Any = None, *, model: _core.Model | None = None, **columns: Unpack[Columns]
) -> Table:
    """A table of whatever holds one: a Table, a path, an Arrow stream, a mapping of arrays, a 2-D array.

    With ``model`` its classifiers are read, and what it remembers of its table is taken for the same again.
    """
    # A number of folds says nothing of the columns, but that none of them is taken for folds.
    asked = sorted(key for key, value in columns.items() if value is not None and key != "folds")
    if isinstance(data, Table):
        if y is not None or asked:
            also = ", ".join(["y"] * (y is not None) + asked)
            raise DataError(f"a Table has its labels and columns already, and {also} was given as well; give it to read()")
        return data
    if isinstance(data, (str, os.PathLike)):
        if y is not None:
            raise DataError(f"{data}: y was given beside a file; name the column of the labels with label= instead")
        return _told(Table(_core.Table.read(data, options_of(columns), model=model)), model)
    named = isinstance(data, Mapping) or hasattr(data, "columns") or hasattr(data, "__arrow_c_stream__")
    if not named:
        if asked:
            raise DataError(f"{', '.join(asked)} cannot be told of an array, which has no names; give a data frame or a file")
        array = matrix_of(data)
        return _of_array(array, y, default_names(array), type(data).__name__, None)
    if y is not None:
        return _told(_of_columns(data, y, model, columns), model)
    try:
        stream = data if hasattr(data, "__arrow_c_stream__") else None
        if stream is not None:
            core = _core.Table.from_stream(stream, type(data).__name__, options_of(columns), model=model)
            return _told(Table(core), model)
    except ImportError:
        pass  # pandas hands a stream over with pyarrow alone
    return _told(_of_columns(data, None, model, columns), model)


def _told(table: Table, model: _core.Model | None) -> Table:
    """Says which columns nobody asked to leave out were passed over. A model takes its own columns alone."""
    unasked = {name: why for name, why in table.passed_over.items() if why not in ("excluded", "not among columns=")}
    if unasked and model is None:
        warn(
            f"passed over {', '.join(f'{name!r} ({why})' for name, why in unasked.items())}: not taken for classifiers; "
            "columns= names the classifiers, and exclude= the others without a warning"
        )
    return table


def _of_columns(data: Any, y: Any, model: _core.Model | None, columns: Columns) -> Table:
    """A table of a mapping of arrays, or of a data frame without a stream."""
    named = frame_of(data)
    if y is not None:
        if columns.get("label") is not None:
            raise DataError(f"y and label={columns.get('label')!r} were given; one of them says what the labels are")
        if columns.get("pos_label") is not None:
            y = positive_last(y, columns.get("pos_label"))
            columns.pop("pos_label")
        # A column of 1 and 0 beside the others, under a name that none of them has.
        label = next(name for name in ("y", "label", *map("y{}".format, range(len(named) + 1))) if name not in named)
        codes = labels_of(y, len(next(iter(named.values()), [])))
        named[label] = np.where(codes < 0, np.nan, codes)
        columns["label"] = label
    listed = [(name, _arrow_ready(column)) for name, column in named.items()]
    return Table(_core.Table.from_columns(listed, type(data).__name__, options_of(columns), model=model))


def _arrow_ready(column: NDArray[Any]) -> NDArray[Any] | list[str | None]:
    """Numbers as they are, anything else as text."""
    if column.dtype.kind == "f":
        return np.ascontiguousarray(column, dtype=np.float64)
    if column.dtype.kind in "biu":
        return np.ascontiguousarray(column, dtype=np.int64)
    gone = missing_labels(column)
    if column.dtype.kind == "O" and all(isinstance(value, (int, float)) or no for value, no in zip(column, gone, strict=True)):
        return np.array([np.nan if no else float(value) for value, no in zip(column, gone, strict=True)])
    return [None if no else str(value) for value, no in zip(column, gone, strict=True)]


def frame_of(obj: Any) -> dict[str, NDArray[Any]]:
    """The columns of a mapping, or of a data frame of any library."""
    if isinstance(obj, Mapping):
        return {str(key): np.asarray(column) for key, column in obj.items()}
    names = getattr(obj, "column_names", None)  # pyarrow's `columns` are the arrays
    if names is None and len(obj.columns) > 0 and not hasattr(obj[obj.columns[0]], "__array__"):
        # A lazy table, such as a relation of duckdb: its columns are arrays once pyarrow has run it.
        try:
            import pyarrow
        except ImportError as error:
            raise DataError(f"a {type(obj).__name__} needs pyarrow here; install it, or give a data frame") from error
        obj = pyarrow.table(obj)
        names = obj.column_names
    return {str(key): np.asarray(obj[key]) for key in (obj.columns if names is None else names)}


def matrix_of(data: Any) -> NDArray[Any]:
    """A 2-D array of float64 or float32 in the machine's byte order; not copied where it is one."""
    array = np.asarray(data)
    if array.ndim != 2:
        raise DataError(
            f"the predictions have {array.ndim} dimensions; 2 are needed, a row for each instance and a column for each "
            "classifier"
        )
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def default_names(array: NDArray[Any]) -> list[str]:
    """Names of columns that have none."""
    return [f"clf_{j}" for j in range(array.shape[1])]


def _of_array(array: NDArray[Any], y: Any, names: list[str], name: str, index: Any) -> Table:
    return Table(_core.Table.from_arrays(array, labels_of(y, len(array)), names, name, row_names=index))


def labels_of(y: Any, n: int) -> NDArray[np.int8]:
    """Labels as 1, 0 and -1 for none; the greater of two classes is 1."""
    if y is None:
        return np.full(n, -1, dtype=np.int8)
    from ._labels import encode

    if len(y) != n:
        raise DataError(f"{n} rows of predictions and {len(y)} labels; give one label for each row")
    return encode(y, None, semi_supervised=True)[1]


def positive_last(y: Any, pos_label: Any) -> Any:
    """Labels with the positive class as the greater one."""
    if y is None or pos_label is None:
        return y
    y = np.asarray(y)
    out = (y == pos_label).astype(float)
    out[missing_labels(y)] = np.nan
    return out


# What other tools export.

#: Names of models that contain the others, as AutoML tools give them.
CONTAINERS = ("WeightedEnsemble", "StackedEnsemble", "_FULL", "Ensemble_L", "VotingEnsemble", "StackEnsemble")

_ROWS = ("row_ids", "row_id", "rowIndex", ".row", "row")
_LABELS = ("truth", "obs", "label", "target", "y")
_WIDE = ".pred_"
_MODELS = ("model", "learner", "learner_id", "model_id", "method", "wflow_id", ".config", "classifier")


def from_predictions(
    obj: Any, y: Any = None, *, pos_label: Any = None, id: str | None = None, value: str | None = None
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
        - A wide table of ``.pred_<class>_<model>`` beside the outcome: the data stack of tidymodels.
        - A list of files of out-of-fold predictions, one a model, joined on ``id``.
    y : array-like of shape (n,), default=None
        Labels; None takes those of long tables, or leaves rows without.
    pos_label : label, default=None
        The positive class; None is the greater one (of columns: the last).
    id : str, default=None
        Column that files and long tables are joined on; None is found by usual names.
    value : str, default=None
        Column of the probability; None is found by usual names.

    Returns
    -------
    Table
        What :func:`fit` takes.

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
            return _of_long({name: frame_of(frame) for name, frame in columns.items()}, y, pos_label, id, value)
        return _of_dict(columns, y, pos_label)
    if isinstance(obj, (list, tuple)) and all(isinstance(item, (str, os.PathLike)) for item in obj):
        return _of_files([os.fspath(item) for item in obj], y, pos_label, id, value)
    if hasattr(obj, "columns"):
        frame = frame_of(obj)
        model = next((name for name in _MODELS if name in frame), None)
        if model is None and sum(name.startswith(_WIDE) for name in frame) > 1:
            return _of_wide(frame, y, pos_label)
        if model is None:
            raise DataError(
                f"the long table has no column of the model; its columns are {list(frame)}, known are {list(_MODELS)}. "
                "Give a dict of tables by model instead"
            )
        # Tables of a model, in order of appearance.
        which = np.asarray(frame[model]).astype(str)
        order = dict.fromkeys(which.tolist())
        parts = {name: {key: np.asarray(column)[which == name] for key, column in frame.items()} for name in order}
        return _of_long(parts, y, pos_label, id, value)
    raise DataError(
        f"{type(obj).__name__} is not known; give a dict of predictions by model, a long data frame, or a list of files"
    )


def _drop_containers(names: Iterable[str]) -> list[str]:
    names = list(names)
    dropped = [name for name in names if any(mark in name for mark in CONTAINERS)]
    kept = [name for name in names if name not in dropped]
    if dropped and kept:
        warn(f"left out {', '.join(dropped)}: ensembles that contain the others; rename them to keep them")
        return kept
    return names


def _of_wide(frame: dict[str, NDArray[Any]], y: Any, pos_label: Any) -> Table:
    """The data stack of tidymodels: ``.pred_<class>_<model>``, and the outcome under its own name."""
    columns = [name.removeprefix(_WIDE) for name in frame if name.startswith(_WIDE)]
    outcomes = [name for name in frame if not name.startswith(".")]
    # The outcome is the column whose two values begin the names of the predictions.
    labels = None
    for name in outcomes:
        values = sorted({str(value) for value in frame[name][~missing_labels(frame[name])].tolist()})
        if len(values) == 2 and any(column.startswith(f"{value}_") for value in values for column in columns):
            labels, classes = frame[name], values
            break
    if labels is None and pos_label is None:
        raise DataError(
            f"no column has the two classes of {_WIDE + columns[0]!r} and its like; its other columns are {outcomes}: "
            "name the positive class with pos_label="
        )
    positive = classes[-1] if pos_label is None else str(pos_label)
    models = [column.removeprefix(f"{positive}_") for column in columns if column.startswith(f"{positive}_")]
    if not models:
        raise DataError(f"no column begins with {_WIDE + positive!r}; the columns are {list(frame)}")
    kept = _drop_containers(models)
    matrix = np.column_stack([frame[f"{_WIDE}{positive}_{model}"].astype(np.float64) for model in kept])
    if y is None and labels is not None:
        y, pos_label = labels.astype(str), positive
        y = np.where(missing_labels(labels), None, y)
    return _of_array(matrix, positive_last(y, pos_label), kept, "a data stack", None)


def _is_long(frame: Any, id: str | None) -> bool:
    columns = [str(c) for c in getattr(frame, "columns", [])]
    return any(name in columns for name in ([id] if id else _ROWS))


def _of_dict(columns: dict[str, Any], y: Any, pos_label: Any) -> Table:
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
        values.append(_positive_column(name, frame, pos_label))
    lengths = {len(column) for column in values}
    if len(lengths) > 1:
        raise DataError(f"the models have {sorted(lengths)} predictions; give each one for each row")
    return _of_array(np.column_stack(values), positive_last(y, pos_label), names, "predictions by model", index)


def _positive_column(name: str, frame: Any, pos_label: Any) -> NDArray[np.float64]:
    if hasattr(frame, "columns"):
        columns = frame_of(frame)
        keys = [key for key in columns if key != "predict"]
        wanted = None if pos_label is None else [str(pos_label), f"p{pos_label}", f"prob.{pos_label}", f".pred_{pos_label}"]
        key = keys[-1] if wanted is None else next((key for key in wanted if key in keys), None)
        if key is None:
            raise DataError(f"{name!r} has no column of the class {pos_label!r}; its columns are {keys}")
        if wanted is None and len(keys) > 2:
            raise DataError(f"{name!r} has {len(keys)} columns {keys}; say which class is meant with pos_label=")
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
    parts: dict[str, dict[str, NDArray[Any]]], y: Any, pos_label: Any, id: str | None, value: str | None
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
        probability = frame[_value_column(name, frame, label, pos_label, value)].astype(np.float64)
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
        warn("rows were predicted several times (repeated cross-validation): their mean is taken")
    if y is None and labels:
        y = np.array([labels.get(i) for i in range(len(rows))])
    return _of_array(matrix, positive_last(y, pos_label), names, "long tables", list(rows))


def _value_column(
    name: str, frame: dict[str, NDArray[Any]], label: str | None, pos_label: Any, value: str | None
) -> str:
    if value is not None:
        if value not in frame:
            raise DataError(f"{name!r} has no column {value!r}; its columns are {list(frame)}")
        return value
    classes = [] if label is None else sorted({str(v) for v in frame[label].tolist()})
    wanted = [str(pos_label)] if pos_label is not None else classes[::-1]
    for one in wanted:
        for key in (f"prob.{one}", f".pred_{one}", f"p{one}", one):
            if key in frame:
                return key
    raise DataError(
        f"{name!r} has no column of a probability that is known; its columns are {list(frame)}: say it with value="
    )


def _of_files(paths: list[str], y: Any, pos_label: Any, id: str | None, value: str | None) -> Table:
    if not paths:
        raise DataError("the list of files is empty")
    parts: dict[str, dict[str, NDArray[Any]]] = {}
    for path in paths:
        name = os.path.basename(path).split(".")[0].removeprefix("oof_")
        if path.endswith(".npy"):
            array = np.load(path, allow_pickle=False)
            column = _positive_column(name, array, pos_label)
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
    return _of_long(parts, y, pos_label, key, value)


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
