"""Labels, folds and seeds as the compiled half needs them."""

from __future__ import annotations

import reprlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import PredefinedSplit, check_cv
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from ._missing import missing_labels
from .errors import DataError


class Labels(NamedTuple):
    """The classes, ascending, and the place of each row's label among them; -1 where it has none."""

    classes: NDArray[Any]
    codes: NDArray[np.int64]


def classes_of(y: Any, *, semi_supervised: bool) -> Labels:
    """The classes of y, two at least, and for each row its place among them, or -1 (no label).

    ``-1`` beside two other classes or more means "no label" where the method uses such rows, as in scikit-learn's
    semi-supervised estimators; beside one other class it is a class.
    """
    y = column_or_1d(y, warn=True)
    if y.dtype.kind == "f" and np.isinf(y).any():
        raise DataError("Input y contains infinity; labels are classes, and NaN or None where there is none")
    gone = missing_labels(y)
    if gone.all():
        raise DataError("Input y contains NaN only: no row has a label; label rows of two classes at least")
    present = y[~gone]
    if present.dtype.kind == "O" and not all(isinstance(label, str) for label in present):
        present = np.asarray(present.tolist())
    check_classification_targets(present)
    classes, codes = np.unique(present, return_inverse=True)
    if len(classes) >= 3 and classes.dtype.kind in "if" and classes[0] == -1 and semi_supervised:
        gone[np.flatnonzero(~gone)[codes == 0]] = True
        classes, codes = classes[1:], codes[codes > 0] - 1
    if len(classes) < 2:
        raise DataError(
            f"y holds 1 class, {_plain(classes[0])!r}, and 2 are needed; label some rows of the other class"
        )
    if gone.any() and not semi_supervised:
        raise DataError(
            f"{int(gone.sum())} rows of y have no label (the first is row {int(np.flatnonzero(gone)[0])}), and the "
            "method 'recommended' learns from labeled rows alone; leave them out, or take method='als'"
        )
    places = np.full(len(y), -1, dtype=np.int64)
    places[~gone] = codes
    return Labels(classes, places)


def of_two(labels: Labels, pos_label: Any) -> tuple[NDArray[np.int8], Any]:
    """For each row 1 (positive), 0, or -1 (no label), and the positive class."""
    classes, codes = labels
    if len(classes) > 2:
        raise DataError(
            f"y has {len(classes)} classes, {classes[:12].tolist()}, and two are needed here; combine one class against the "
            "rest, or give a column for each classifier and class"
        )
    if pos_label is None:
        positive = classes[1]
    elif pos_label in classes:
        positive = classes[list(classes).index(pos_label)]
    else:
        raise DataError(f"pos_label={pos_label!r} is not a class of y; the classes are {classes.tolist()}")
    signs = (codes if positive == classes[1] else 1 - codes).astype(np.int8)
    return np.where(codes < 0, np.int8(-1), signs), positive


def encode(y: Any, pos_label: Any, *, semi_supervised: bool) -> tuple[NDArray[Any], NDArray[np.int8], Any]:
    """The two classes, and for each row 1 (positive), 0, or -1 (no label), and the positive class."""
    labels = classes_of(y, semi_supervised=semi_supervised)
    return labels.classes, *of_two(labels, pos_label)


def class_texts(classes: NDArray[Any]) -> list[str]:
    """The classes as the compiled half and the columns of tables name them: 1 and 1.0 are "1"."""
    if classes.dtype.kind == "f":
        return [str(int(c)) if np.isfinite(c) and c == int(c) else str(c) for c in classes]
    return [str(_plain(c)) for c in classes]


def _plain(label: Any) -> Any:
    """A class label as Python writes it."""
    return label.item() if isinstance(label, np.generic) else label


def seed_of(random_state: Any) -> int:
    """A seed for the compiled half: 0 for None, so that a fit without one can be repeated."""
    if random_state is None:
        return 0
    if isinstance(random_state, (int, np.integer)):
        if random_state < 0:
            raise ValueError(f"random_state={random_state}: at least 0 is allowed")
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def folds_of(
    cv: Any, X: Any, labels: NDArray[Any], groups: Any, *, n_splits: int = 5, seed: int = 0
) -> NDArray[np.int64] | None:
    """The fold of each row (-1 where it has no label); None where the compiled half draws them itself."""
    if groups is not None:
        groups = np.asarray(groups)
        if len(groups) != len(labels):
            raise DataError(f"groups has {len(groups)} entries, and X has {len(labels)} rows; give one for each row")
    if cv is None or isinstance(cv, (int, np.integer)):
        if groups is None:
            return None
        from sklearn.model_selection import StratifiedGroupKFold

        cv = StratifiedGroupKFold(n_splits if cv is None else int(cv), shuffle=True, random_state=seed)
    labeled = np.flatnonzero(labels >= 0)
    given = fold_of_each(cv, len(labels))
    if given is not None:
        folds = named_folds(given, labeled)
    else:
        pairs = given_splits(cv, len(labels))
        if pairs is not None:
            tests = [test for _, test in pairs]
        else:
            y = labels[labeled]
            of_labeled = None if groups is None else groups[labeled]
            splitter = check_cv(cv, y, classifier=True)
            tests = [labeled[test] for _, test in splitter.split(X[labeled], y, of_labeled)]
        folds = _tested(tests, len(labels), labeled, cv)
    if groups is not None:
        check_groups(groups[labeled], folds[labeled])
    return folds


def _tested(tests: list[NDArray[np.intp]], n: int, labeled: NDArray[np.intp], cv: Any) -> NDArray[np.int64]:
    """The fold that each of n rows is tested in, -1 where it has no label."""
    is_labeled = np.zeros(n, dtype=bool)
    is_labeled[labeled] = True
    folds, count = np.full(n, -1, dtype=np.int64), np.zeros(n, dtype=np.int64)
    for fold, rows in enumerate(tests):
        np.add.at(count, rows, 1)
        folds[rows[is_labeled[rows]]] = fold
    wrong = labeled[count[labeled] != 1]
    if len(wrong):
        raise tested_wrongly(cv, int(wrong[0]), int(count[wrong[0]]))
    if len(np.unique(folds[labeled])) < 2:
        raise DataError(f"cv={reprlib.repr(cv)} tests every row in one fold; at least 2 folds are needed")
    return folds


def tested_wrongly(cv: Any, row: int, times: int) -> DataError:
    """What is said of folds that do not test each row once."""
    what = f"tests row {row} {times} times" if times else f"never tests row {row}"
    return DataError(f"cv={reprlib.repr(cv)} {what}; each row must be in one test fold, as with StratifiedKFold")


def given_splits(cv: Any, n: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]] | None:
    """(train, test) rows of each fold, where ``cv`` lists them; rows without a label may be among them."""
    if hasattr(cv, "split") or isinstance(cv, (str, bytes)):
        return None
    every = np.arange(n)
    try:
        given = [(train, test) for train, test in cv]
    except (TypeError, ValueError) as error:
        raise DataError(
            f"cv={reprlib.repr(cv)} is not allowed; a number of folds, the fold of each row, a splitter, or (train, test) rows "
            "of each fold are"
        ) from error

    def rows(given: Any, fold: int) -> NDArray[np.intp]:
        # Numbers of rows, or whether each row is among them.
        try:
            return every[np.asarray(given, dtype=None if len(given) else np.intp)]
        except (IndexError, TypeError) as error:
            raise DataError(f"cv names rows in split {fold} that X of {n} rows does not have ({error}); count them from 0") from error

    return [(rows(train, fold), rows(test, fold)) for fold, (train, test) in enumerate(given)]


def fold_of_each(cv: Any, n: int) -> NDArray[Any] | None:
    """The fold of each row, where ``cv`` says it: an array of n folds, or a PredefinedSplit of n rows."""
    if isinstance(cv, PredefinedSplit):
        folds = np.asarray(cv.test_fold)
    elif hasattr(cv, "split") or isinstance(cv, (str, bytes)):
        return None
    else:
        try:
            folds = np.asarray(cv)
        except ValueError:
            return None  # an iterable of train and test rows of different lengths
        if folds.ndim != 1 or folds.dtype.kind not in "iufUSO" or (len(folds) and isinstance(folds[0], (tuple, list))):
            return None
    if len(folds) != n:
        raise DataError(f"cv has {len(folds)} folds, and X has {n} rows; give the fold of each row")
    return folds


def named_folds(given: NDArray[Any], labeled: NDArray[np.intp]) -> NDArray[np.int64]:
    """Folds of the labeled rows from 0 on, in the order of their names; those of the others are -1."""
    of_rows = given[labeled]
    none = missing_labels(of_rows) | ((of_rows == -1) if of_rows.dtype.kind in "if" else False)
    if none.any():
        rows = labeled[np.flatnonzero(none)]
        raise DataError(f"cv names no fold for {len(rows)} labeled rows, the first is row {rows[0]}; each row must be in one")
    names, codes = np.unique(of_rows, return_inverse=True)
    if len(names) < 2:
        raise DataError(f"cv puts every row into fold {_plain(names[0])!r}; at least 2 folds are needed")
    folds = np.full(len(given), -1, dtype=np.int64)
    folds[labeled] = codes
    return folds


def check_groups(groups: NDArray[Any], folds: NDArray[np.int64]) -> None:
    """Refuses a group that lies in several folds, whose rows would be scored by fits that learned from the group."""
    folds_of: dict[Any, set[int]] = {}
    for group, fold in zip(groups.tolist(), folds.tolist(), strict=True):
        folds_of.setdefault(group, set()).add(fold)
    torn = sorted((group for group, folds in folds_of.items() if len(folds) > 1), key=str)
    if torn:
        raise DataError(
            f"groups {torn[:12]} lie in several folds of cv; rows of a group must be in one, as with StratifiedGroupKFold"
        )
