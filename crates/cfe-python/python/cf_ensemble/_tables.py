"""Tables of predictions: from files, data frames, arrays, and what other tools export."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._missing import missing_labels
from .errors import DataError, warn


class _Read:
    """What tables of two classes and of more have in common."""

    _core: Any

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
    def folds(self) -> list[str] | None:
        """The fold column, if there is one."""
        return self._core.folds

    @property
    def sample_weight(self) -> NDArray[np.float64] | None:
        """Weights of the rows, if there are some."""
        return self._core.sample_weight

    @property
    def split(self) -> list[str] | None:
        """The split column, if one was named."""
        return self._core.split

    @property
    def warnings(self) -> list[str]:
        """What is odd about the table, but no reason to stop."""
        return self._core.warnings

    def findings(self) -> list[dict[str, Any]]:
        """What may be wrong with the table, the gravest first: leaks, in-sample predictions, copies of rows, gaps.

        Of two classes also near-duplicate and inverted classifiers and shift between splits, of more also columns of
        classes in another order.

        Returns
        -------
        list of dict
            ``severity``, ``kind``, ``classifiers`` and ``text`` of each finding; the text says what can be done.
        """
        found: list[dict[str, Any]] = json.loads(self._core.findings())
        return found

    def __len__(self) -> int:
        return self._core.shape[0]


class Table(_Read):
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
    def shape(self) -> tuple[int, int]:
        """(n, m)."""
        return self._core.shape

    def __repr__(self) -> str:
        n, m = self.shape
        y = self.y
        return f"<Table {self._core.name!r}: {n} rows x {m} classifiers, {(y == 1).sum()} positive, {(y == 0).sum()} negative>"


class ClassTable(_Read):
    """Predictions of m classifiers for n instances and K > 2 classes; made by :func:`read` and its kin.

    Attributes
    ----------
    P : ndarray of shape (n, m, K)
        Probabilities; NaN where a classifier gave none, or never heard of a class.
    y : ndarray of shape (n,)
        Labels, None where there is none. Of a table they are text.
    classes : ndarray of shape (K,)
        The classes, in the order of the last axis of P.
    names : list of str
        Names of the classifiers.
    in_train : ndarray of shape (n,)
        Whether a row is learned from.
    taken : str
        What the columns were taken for, in one line.
    passed_over : dict
        Columns that were not read, each with the reason.
    """

    def __init__(self, core: _core.ClassTable, classes: NDArray[Any] | None = None) -> None:
        self._core = core
        self.classes = np.asarray(core.classes) if classes is None else classes

    @property
    def P(self) -> NDArray[np.float64]:
        """Probabilities; NaN where a classifier gave none, or never heard of a class."""
        return self._core.predictions

    @property
    def y(self) -> NDArray[Any]:
        """Labels, None where there is none."""
        # Labels that no column is named after come behind the classes.
        values = [*self.classes.tolist(), *self._core.label_values[len(self.classes) :], None]
        return np.array(values, dtype=object)[self._core.labels]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, m, K)."""
        return self._core.shape

    def __repr__(self) -> str:
        n, m, k = self.shape
        labeled = int((self._core.labels >= 0).sum())
        return f"<ClassTable {self._core.name!r}: {n} rows x {m} classifiers x {k} classes, {labeled} labeled>"


def _told_kind(core: _core.Table | _core.ClassTable) -> Table | ClassTable:
    return ClassTable(core) if isinstance(core, _core.ClassTable) else Table(core)


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
    sheet: str | None
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
    sheet: str | None = None,
    labels_file: str | os.PathLike[str] | None = None,
) -> Table | ClassTable:
    """Read a table of predictions, as the program ``cfe`` reads it.

    Columns ``<classifier>:<class>`` of three classes or more make a table of these classes.

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
    sheet : str, default=None
        Sheet of a workbook; None is the first visible one that holds a table.
    labels_file : str or path-like, default=None
        Labels of a table in NPY; None is labels.npy beside it.

    Returns
    -------
    Table or ClassTable
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
        sheet=sheet,
        labels_file=labels_file,
    )
    if not isinstance(path, (str, os.PathLike)):
        raise DataError(f"read() takes a file, not a {type(path).__name__}; fit(), evaluate() and compare() take it as it is")
    return as_any_table(path, **how)


def as_table(data: Any, y: Any = None, *, sample_weight: Any = None, **columns: Unpack[Columns]) -> Table:
    """A table of two classes of whatever holds one."""
    table = as_any_table(data, y, sample_weight=sample_weight, **columns)
    if isinstance(table, ClassTable):
        raise DataError(f"the table has {len(table.classes)} classes, and this is for two; cf_ensemble.fit takes more")
    return table


def as_any_table(
    data: Any,
    y: Any = None,
    *,
    model: _core.Model | _core.ClassModel | None = None,
    sample_weight: Any = None,
    scored: bool = False,
    **columns: Unpack[Columns],
) -> Table | ClassTable:
    """A table of whatever holds one: a table, a path, an Arrow stream, a mapping of arrays, an array.

    With ``model`` its classifiers are read, and what it remembers of its table is taken for the same again. ``scored`` says
    that labels and weights are needed all the same.
    """
    # A number of folds says nothing of the columns, but that none of them is taken for folds.
    asked = sorted(key for key, value in columns.items() if value is not None and key != "folds")
    more = ["y"] * (y is not None) + ["sample_weight"] * (sample_weight is not None)
    if isinstance(data, _Read):
        if more or asked:
            also = ", ".join(more + asked)
            raise DataError(f"a table has its labels and columns already, and {also} was given as well; give it to read()")
        assert isinstance(data, (Table, ClassTable))
        return data
    if isinstance(data, (str, os.PathLike)):
        if more:
            what, how = ("labels", "label=") if y is not None else ("weights", "weight=")
            raise DataError(f"{data}: {more[0]} was given beside a file; name the column of the {what} with {how} instead")
        return _told(_told_kind(_core.read_table(data, options_of(columns), model=model, scored=scored)), model)
    named = isinstance(data, Mapping) or hasattr(data, "columns") or hasattr(data, "__arrow_c_stream__")
    if not named:
        if asked:
            raise DataError(f"{', '.join(asked)} cannot be told of an array, which has no names; give a data frame or a file")
        return _of_bare(data, y, sample_weight)
    if more:
        return _told(_of_columns(data, y, sample_weight, model, scored, columns), model)
    try:
        stream = data if hasattr(data, "__arrow_c_stream__") else None
        if stream is not None:
            name = type(data).__name__
            core = _core.table_of_stream(stream, name, options_of(columns), model=model, scored=scored)
            return _told(_told_kind(core), model)
    except ImportError:
        pass  # pandas hands a stream over with pyarrow alone
    return _told(_of_columns(data, None, None, model, scored, columns), model)


def _of_bare(data: Any, y: Any, sample_weight: Any) -> Table | ClassTable:
    """A table of an array: (n, m) of two classes; (n, m K), (n, m, K) or (m, n, K) of more."""
    weights = None if sample_weight is None else np.ascontiguousarray(sample_weight, dtype=np.float64)
    labels = None
    if y is not None:
        from ._labels import classes_of

        labels = classes_of(y, semi_supervised=True)
    name = type(data).__name__
    if labels is None or len(labels.classes) == 2:
        array = matrix_of(data)
        return _of_array(array, y, default_names(array), name, None, weights)
    from ._classes import flat

    k = len(labels.classes)
    array, _ = flat(np.asarray(data), len(labels.codes), k)
    array = matrix_of(array)
    if array.shape[1] % k:
        raise DataError(
            f"the array has {array.shape[1]} columns, and y {k} classes: a classifier has {k} columns side by side, in the "
            f"order {labels.classes.tolist()}; give an array (n, m, {k}), or a data frame with columns '<classifier>:<class>'"
        )
    names = [f"clf_{u}" for u in range(array.shape[1] // k)]
    return class_table(array.reshape(len(array), -1, k), labels, names, name, weights)


def class_table(cube: NDArray[Any], labels: Any, names: list[str], name: str, weights: Any = None) -> ClassTable:
    """A table of n x m x K probabilities with labels and classes of any type."""
    from ._labels import class_texts

    if len(labels.codes) != len(cube):
        raise DataError(f"{len(cube)} rows of predictions and {len(labels.codes)} labels; give one label for each row")
    texts = class_texts(labels.classes)
    core = _core.ClassTable.from_arrays(cube, labels.codes, names, texts, name, sample_weight=weights)
    return ClassTable(core, labels.classes)


def _told(table: Table | ClassTable, model: Any) -> Table | ClassTable:
    """Says which columns nobody asked to leave out were passed over. A model takes its own columns alone."""
    unasked = {name: why for name, why in table.passed_over.items() if why not in ("excluded", "not among columns=")}
    if unasked and model is None:
        warn(
            f"passed over {', '.join(f'{name!r} ({why})' for name, why in unasked.items())}: not taken for classifiers; "
            "columns= names the classifiers, and exclude= the others without a warning"
        )
    return table


def _of_columns(
    data: Any, y: Any, sample_weight: Any, model: Any, scored: bool, columns: Columns
) -> Table | ClassTable:
    """A table of a mapping of arrays, or of a data frame without a stream."""
    from ._classes import has_class_columns

    named = frame_of(data)
    n = len(next(iter(named.values()), []))
    classes = None
    if y is not None:
        if columns.get("label") is not None:
            raise DataError(f"y and label={columns.get('label')!r} were given; one of them says what the labels are")
        several = has_class_columns(list(named)) and columns.get("pos_label") is None
        if columns.get("pos_label") is not None:
            y = positive_last(y, columns.get("pos_label"))
            columns.pop("pos_label")
        label = _free_name("label", named)
        if several:
            values, classes = _label_texts(y, n)
            named[label] = values
        else:
            # A column of 1 and 0 beside the others.
            codes = labels_of(y, n)
            named[label] = np.where(codes < 0, np.nan, codes)
        columns["label"] = label
    if sample_weight is not None:
        if columns.get("weight") is not None:
            raise DataError(f"sample_weight and weight={columns.get('weight')!r} were given; one of them says what rows weigh")
        columns["weight"] = weight = _free_name("weight", named)
        named[weight] = np.asarray(sample_weight, dtype=np.float64)
    listed = [(name, _arrow_ready(column)) for name, column in named.items()]
    core = _core.table_of_columns(listed, type(data).__name__, options_of(columns), model=model, scored=scored)
    if isinstance(core, _core.ClassTable):
        return ClassTable(core, None if classes is None else _originals(core.classes, classes))
    return Table(core)


def _free_name(wanted: str, named: Mapping[str, Any]) -> str:
    """A name that no column has."""
    return next(name for name in (wanted, *map(f"{wanted}{{}}".format, range(len(named) + 1))) if name not in named)


def _label_texts(y: Any, n: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Labels as text, None where there is none, and the classes as they were given."""
    from ._labels import class_texts, classes_of

    if len(y) != n:
        raise DataError(f"{n} rows of predictions and {len(y)} labels; give one label for each row")
    labels = classes_of(y, semi_supervised=True)
    return np.array([*class_texts(labels.classes), None], dtype=object)[labels.codes], labels.classes


def _originals(texts: list[str], classes: NDArray[Any]) -> NDArray[Any]:
    """The classes of a table as they were given, where all of them were."""
    from ._labels import class_texts

    given = dict(zip(class_texts(classes), classes.tolist(), strict=True))
    return np.array([given[text] for text in texts]) if all(text in given for text in texts) else np.array(texts)


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


def _of_array(
    array: NDArray[Any], y: Any, names: list[str], name: str, index: Any, weights: NDArray[np.float64] | None = None
) -> Table:
    labels = labels_of(y, len(array))
    return Table(_core.Table.from_arrays(array, labels, names, name, sample_weight=weights, row_names=index))


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
