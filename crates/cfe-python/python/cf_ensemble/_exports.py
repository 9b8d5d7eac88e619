"""What other tools export, as tables."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._missing import missing_labels
from ._tables import ClassTable, Table, _of_array, class_table, frame_of, positive_last
from .errors import DataError, warn

#: Names of models that contain the others, as AutoML tools give them.
CONTAINERS = ("WeightedEnsemble", "StackedEnsemble", "_FULL", "Ensemble_L", "VotingEnsemble", "StackEnsemble")

_ROWS = ("row_ids", "row_id", "rowIndex", ".row", "row")
_LABELS = ("truth", "obs", "label", "target", "y")
_WIDE = ".pred_"
_MODELS = ("model", "learner", "learner_id", "model_id", "method", "wflow_id", ".config", "classifier")


def from_predictions(
    obj: Any, y: Any = None, *, pos_label: Any = None, id: str | None = None, value: str | None = None
) -> Table | ClassTable:
    """A table of what other tools export.

    With more than two classes in the labels, or three columns and more a model, it is a table of all classes; ``pos_label``
    asks for that class against the rest.

    Parameters
    ----------
    obj : dict, data frame or list of paths
        - A dict of the models' predictions by name: arrays (n,), (n, 2) or (n, K) in the order of the classes, Series or data frames with a column for each
          class. So come ``cross_val_predict(method="predict_proba")`` in a loop, AutoGluon's ``predict_proba_multi`` and
          H2O's ``cross_validation_holdout_predictions`` (frames ``predict, p0, p1``).
        - A dict or list of long tables, or one with a column of the model: mlr3's ``as.data.table(prediction)``,
          tidymodels' ``collect_predictions``, caret's ``fit$pred``. Repeated predictions of a row are averaged.
        - A wide table of ``.pred_<class>_<model>`` beside the outcome: the data stack of tidymodels.
        - A list of files of out-of-fold predictions, one a model, joined on ``id``.
    y : array-like of shape (n,), default=None
        Labels; None takes those of long tables, or leaves rows without.
    pos_label : label, default=None
        The positive class; None is the greater one (of columns: the last), or all of more than two classes.
    id : str, default=None
        Column that files and long tables are joined on; None is found by usual names.
    value : str, default=None
        Column of the probability; None is found by usual names.

    Returns
    -------
    Table or ClassTable
        What :func:`fit` takes.

    Examples
    --------
    >>> import numpy as np
    >>> import cf_ensemble
    >>> two = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> cf_ensemble.from_predictions({"lr": two, "nb": two[:, 1]}, y=[0, 1]).P
    array([[0.1, 0.1],
           [0.8, 0.8]])
    >>> three = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3]])
    >>> cf_ensemble.from_predictions({"lr": three}, y=["bus", "van", "car"]).classes.tolist()
    ['bus', 'car', 'van']
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


def _of_wide(frame: dict[str, NDArray[Any]], y: Any, pos_label: Any) -> Table | ClassTable:
    """The data stack of tidymodels: ``.pred_<class>_<model>``, and the outcome under its own name."""
    several = None if pos_label is not None else _of_wide_classes(frame, y)
    if several is not None:
        return several
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


def _of_wide_classes(frame: dict[str, NDArray[Any]], y: Any) -> ClassTable | None:
    """The same of three classes or more; None where no column has them."""
    columns = [name.removeprefix(_WIDE) for name in frame if name.startswith(_WIDE)]
    for outcome in (name for name in frame if not name.startswith(".")):
        texts = sorted({str(value) for value in frame[outcome][~missing_labels(frame[outcome])].tolist()})
        named = {text: {c.removeprefix(f"{text}_") for c in columns if c.startswith(f"{text}_")} for text in texts}
        models = sorted(set().union(*named.values()), key=lambda m: next(i for i, c in enumerate(columns) if c.endswith(f"_{m}")))
        gone = [text for text in texts if not named[text]]
        if len(texts) < 3 or not models or len(gone) > 1:
            continue
        kept = _drop_containers(models)
        cube = np.full((len(frame[outcome]), len(kept), len(texts)), np.nan)
        for u, model in enumerate(kept):
            for k, text in enumerate(texts):
                if f"{_WIDE}{text}_{model}" in frame:
                    cube[:, u, k] = frame[f"{_WIDE}{text}_{model}"].astype(np.float64)
            for text in gone:
                # Stacks leaves out one class, which the others make whole.
                cube[:, u, texts.index(text)] = np.clip(1 - np.nansum(cube[:, u], axis=1), 0, 1)
        truth: Any = y
        if y is None:
            truth = frame[outcome].astype(object)
            truth[missing_labels(frame[outcome])] = None
        return _of_classes(cube, texts, truth, kept, "a data stack")
    return None


def _of_classes(
    cube: NDArray[Any], texts: Sequence[str] | None, y: Any, names: list[str], name: str
) -> ClassTable:
    """A table of n x m x K whose classes are named by ``texts``, or are those of y in their order."""
    from ._labels import Labels, class_texts, classes_of

    k = cube.shape[2]
    if y is None:
        classes = np.arange(k) if texts is None else np.asarray(texts)
        return class_table(cube, Labels(classes, np.full(len(cube), -1, dtype=np.int64)), names, name)
    labels = classes_of(y, semi_supervised=True)
    given = class_texts(labels.classes)
    if texts is None:
        if len(given) != k:
            raise DataError(
                f"the models have {k} columns, and y {len(given)} classes; give data frames whose columns are named after classes"
            )
        return class_table(cube, labels, names, name)
    strange = [text for text in given if text not in texts]
    if strange:
        raise DataError(f"y has the classes {strange[:12]}, which no column is named after; the columns are of {list(texts)[:12]}")
    # Classes of the columns that y has not come behind its own.
    order = [*given, *(text for text in texts if text not in given)]
    cube = cube[:, :, [list(texts).index(text) for text in order]]
    classes = labels.classes if len(order) == len(given) else np.asarray(order)
    return class_table(cube, Labels(classes, labels.codes), names, name)


def _is_long(frame: Any, id: str | None) -> bool:
    columns = [str(c) for c in getattr(frame, "columns", [])]
    return any(name in columns for name in ([id] if id else _ROWS))


def _of_dict(columns: dict[str, Any], y: Any, pos_label: Any) -> Table | ClassTable:
    names = _drop_containers(columns)
    if not names:
        raise DataError("the dict is empty; give the predictions of each model by its name")
    index = _same_rows(columns, names)
    widths = [_width(columns[name]) for name in names]
    if pos_label is None and max(widths) > 2:
        return _of_distributions({name: columns[name] for name in names}, y)
    values = [_positive_column(name, columns[name], pos_label) for name in names]
    lengths = {len(column) for column in values}
    if len(lengths) > 1:
        raise DataError(f"the models have {sorted(lengths)} predictions; give each one for each row")
    return _of_array(np.column_stack(values), positive_last(y, pos_label), names, "predictions by model", index)


def _same_rows(columns: dict[str, Any], names: list[str]) -> Any:
    """The index that the models' frames share; None where they have none."""
    index = None
    for name in names:
        here = None if isinstance(columns[name], (list, tuple)) else getattr(columns[name], "index", None)
        if index is None:
            index = here
        elif here is not None and (len(here) != len(index) or not (np.asarray(here) == np.asarray(index)).all()):
            raise DataError(f"the rows of {name!r} are not those of {names[0]!r}; bring them into one order first")
    return index


def _width(frame: Any) -> int:
    """Columns of a model that are probabilities."""
    if hasattr(frame, "columns"):
        return len([key for key in frame_of(frame) if key != "predict"])
    array = np.asarray(frame)
    return int(array.shape[1]) if array.ndim == 2 else 1


#: What stands before a class in the names of columns: of mlr3, tidymodels, and H2O, which has "predict" beside them.
_BEFORE = ("prob.", ".pred_", "p")


def _of_distributions(models: dict[str, Any], y: Any) -> ClassTable:
    """A table of a distribution over K classes from each model: arrays (n, K), or frames with a column for each class."""
    from ._labels import class_texts, classes_of

    known = None if y is None else class_texts(classes_of(y, semi_supervised=True).classes)
    texts: list[str] = []
    found: dict[str, dict[str, NDArray[Any]]] = {}
    for name, frame in models.items():
        if hasattr(frame, "columns"):
            named = frame_of(frame)
            keys = [key for key in named if key != "predict"]
            found[name] = {_class_of(key, "predict" in named, known): named[key].astype(np.float64) for key in keys}
            texts += [text for text in found[name] if text not in texts]
    arrays = {name: np.asarray(frame, dtype=np.float64) for name, frame in models.items() if name not in found}
    wrong = [name for name, array in arrays.items() if array.ndim != 2 or array.shape[1] < 3]
    k = len(texts) or max((array.shape[-1] for array in arrays.values()), default=0)
    wrong += [name for name, array in arrays.items() if name not in wrong and array.shape[1] != k]
    if wrong:
        raise DataError(
            f"{wrong[:12]} have no column for each of the {k} classes; give (n, {k}) arrays in the order of the classes, or data "
            "frames with a column for each class"
        )
    if texts and known is not None and set(known) <= set(texts):
        # Arrays beside frames are in the order of the labels.
        texts = [*known, *(text for text in texts if text not in known)]
    lengths = {len(array) for array in arrays.values()} | {len(c) for own in found.values() for c in own.values()}
    if len(lengths) > 1:
        raise DataError(f"the models have {sorted(lengths)} predictions; give each one for each row")
    cube = np.full((lengths.pop(), len(models), k), np.nan)
    for u, name in enumerate(models):
        if name in arrays:
            cube[:, u] = arrays[name]
        for text, column in found.get(name, {}).items():
            cube[:, u, texts.index(text)] = column
    return _of_classes(cube, texts or None, y, list(models), "predictions by model")


def _class_of(key: str, of_h2o: bool, known: list[str] | None) -> str:
    """The class that a column is named after."""
    for before in _BEFORE[: 3 if of_h2o or known is not None else 2]:
        text = key.removeprefix(before)
        if text != key and (known is None or (text in known and key not in known)):
            return text
    return key


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
) -> Table | ClassTable:
    names = _drop_containers(parts)
    rows: dict[Any, int] = {}
    labels: dict[int, Any] = {}
    sums: list[tuple[NDArray[np.intp], NDArray[np.float64]]] = []
    texts = _several(parts, names) if pos_label is None and value is None else []
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
        wanted_classes: list[str | None] = [*texts] if texts else [None]
        for text in wanted_classes:
            wanted = pos_label if text is None else text
            sums.append((at, frame[_value_column(name, frame, label, wanted, value)].astype(np.float64)))
        if label is not None:
            labels.update(zip(at.tolist(), frame[label].tolist(), strict=True))
    matrix = np.full((len(rows), len(sums)), np.nan)
    for j, (at, probability) in enumerate(sums):
        total = np.bincount(at, probability, len(rows))
        count = np.bincount(at, minlength=len(rows))
        seen = count > 0
        matrix[seen, j] = total[seen] / count[seen]
    if repeated:
        warn("rows were predicted several times (repeated cross-validation): their mean is taken")
    if y is None and labels:
        y = np.array([labels.get(i) for i in range(len(rows))])
    if texts:
        return _of_classes(matrix.reshape(len(rows), len(names), len(texts)), texts, y, names, "long tables")
    return _of_array(matrix, positive_last(y, pos_label), names, "long tables", list(rows))


def _several(parts: dict[str, dict[str, NDArray[Any]]], names: list[str]) -> list[str]:
    """The classes of the labels, where there are three or more of them."""
    met: set[Any] = set()
    for name in names:
        label = next((column for column in _LABELS if column in parts[name]), None)
        if label is not None:
            met.update(parts[name][label][~missing_labels(parts[name][label])].tolist())
    if len(met) < 3:
        return []
    from ._labels import class_texts

    return class_texts(np.unique(np.array(sorted(met, key=str))))


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


def _of_files(
    paths: list[str], y: Any, pos_label: Any, id: str | None, value: str | None
) -> Table | ClassTable:
    if not paths:
        raise DataError("the list of files is empty")
    arrays = [np.load(path, allow_pickle=False) for path in paths if path.endswith(".npy")]
    if pos_label is None and len(arrays) == len(paths) and all(a.ndim == 2 and a.shape[1] > 2 for a in arrays):
        named = [os.path.basename(path).split(".")[0].removeprefix("oof_") for path in paths]
        return _of_distributions(dict(zip(named, arrays, strict=True)), y)
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
