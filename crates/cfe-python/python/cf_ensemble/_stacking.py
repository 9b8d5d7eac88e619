"""The estimator that trains classifiers and combines them."""

from __future__ import annotations

import warnings
from copy import deepcopy
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin, clone
from sklearn.ensemble._base import _BaseHeterogeneousEnsemble
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import PredefinedSplit, StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils import Bunch, _safe_indexing, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_response_method,
    _check_sample_weight,
    _num_samples,
    check_consistent_length,
    check_is_fitted,
)

from ._base import CombiningClassifier
from ._classifier import CFEnsembleClassifier
from ._classes import SEPARATOR
from ._labels import (
    _plain,
    check_groups,
    class_texts,
    classes_of,
    fold_of_each,
    given_splits,
    named_folds,
    seed_of,
    tested_wrongly,
)
from .errors import DataError, warn

#: Calls that find nothing but failing rows before an estimator counts as failed.
HOPELESS = 32


class CFEnsembleStackingClassifier(CombiningClassifier, TransformerMixin, _BaseHeterogeneousEnsemble):
    """Trains classifiers, and combines their out-of-fold probabilities with CF-Ensemble.

    Takes the place of scikit-learn's ``StackingClassifier``, for two classes or more. Beyond it: ``groups`` keep rows together in
    the folds, folds are stratified and shuffled, the weights carry the names of the estimators, and an estimator that
    fails on some rows gives NaN for them instead of an error. One that refuses missing values is fitted on the complete
    rows, and gives NaN for the others.

    Parameters
    ----------
    estimators : list of (str, estimator)
        The classifiers by name; "drop" leaves one out.
    final_estimator : estimator, default=None
        What combines them; None is ``CFEnsembleClassifier()``.
    cv : int, array-like of shape (n,), cross-validation splitter, iterable or "prefit", default=None
        Folds of the out-of-fold predictions. None is 5 stratified and shuffled folds, or as many as the rarest class has
        rows. An array has the fold of each row, an iterable (train, test) rows of each fold; each row must be tested once.
        "prefit" takes fitted estimators; then ``fit`` needs rows that they were not trained on.
    stack_method : {"auto", "predict_proba", "decision_function", "predict"}, default="auto"
        What is asked of each estimator; "auto" takes the first that it has.
    passthrough : bool, default=False
        Whether the combiner sees the columns of X as well.
    n_jobs : int, default=None
        Processes of joblib for the estimators.
    random_state : int or RandomState, default=None
        Seed of the folds; None is 0.
    verbose : int, default=0
        Passed on to joblib.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The classes, ascending.
    estimators_ : list of estimators
        Fitted on all rows.
    named_estimators_ : Bunch
        The same by name.
    final_estimator_ : estimator
        The fitted combiner.
    stack_method_ : list of str
        What is asked of each estimator.
    weights_ : dict
        Weight of each estimator, where the combiner has ``coef_``; of more than two classes an array (K,) with one for
        each class, where the combiner is a CFEnsembleClassifier.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from cf_ensemble import CFEnsembleStackingClassifier
    >>> X, y = make_classification(400, weights=[0.9], random_state=0)
    >>> stack = CFEnsembleStackingClassifier([("lr", LogisticRegression()), ("nb", GaussianNB())])
    >>> stack.fit(X, y).predict_proba(X).shape
    (400, 2)
    >>> sorted(stack.weights_)
    ['lr', 'nb']
    """

    def __init__(
        self,
        estimators: list[tuple[str, Any]],
        final_estimator: Any = None,
        *,
        cv: Any = None,
        stack_method: str = "auto",
        passthrough: bool = False,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(estimators=estimators)
        self.final_estimator = final_estimator
        self.cv = cv
        self.stack_method = stack_method
        self.passthrough = passthrough
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Fits the estimators on all rows, and the combiner on their out-of-fold predictions.

        Parameters
        ----------
        X : array-like of shape (n, k)
            Features.
        y : array-like of shape (n,)
            Two classes or more.
        groups : array-like of shape (n,), default=None
            Rows of one group stay in one fold, of the estimators and of the combiner.
        sample_weight : array-like of shape (n,), default=None
            Weights of the rows, for every estimator and the combiner.
        **fit_params : dict
            Metadata for the estimators, with metadata routing enabled.

        Returns
        -------
        CFEnsembleStackingClassifier
            This estimator.
        """
        names, all_estimators = self._validate_estimators()
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        check_consistent_length(X, y, groups)
        (X,) = indexable(X)
        self.classes_, labels = classes_of(y, semi_supervised=False)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
            fit_params["sample_weight"] = sample_weight
        routed = self._route(names, fit_params)
        kept = [(name, est) for name, est in zip(names, all_estimators, strict=True) if not _is_drop(est)]
        self.stack_method_ = [self._method(name, est) for name, est in kept]

        if self._is_prefit():
            self.estimators_ = [est for _, est in kept]
            for est in self.estimators_:
                check_is_fitted(est)
            known = self._known_classes()
            outcomes = [_predict_rows(est, m, X, known) for est, m in zip(self.estimators_, self.stack_method_, strict=True)]
        else:
            self.estimators_, outcomes = self._cross_validate(kept, X, labels, groups, routed)
        self.named_estimators_ = Bunch(**{name: "drop" for name in names})
        for (name, _), est in zip(kept, self.estimators_, strict=True):
            self.named_estimators_[name] = est
            if hasattr(est, "feature_names_in_"):
                self.feature_names_in_ = est.feature_names_in_
        for (name, _), outcome in zip(kept, outcomes, strict=True):
            outcome.warn(name)

        self.final_estimator_ = clone(CFEnsembleClassifier() if self.final_estimator is None else self.final_estimator)
        stacked = self._stack([outcome.values for outcome in outcomes], X)
        target = self.classes_[labels.astype(np.intp)]
        weights: dict[str, Any] = {} if sample_weight is None else {"sample_weight": sample_weight}
        if isinstance(self.final_estimator_, CFEnsembleClassifier):
            width = self._width()
            blocks = [(name, width) for name, _ in kept]
            if self.passthrough:
                blocks += [(name, 1) for name in self._names_out(X)[width * len(kept) :]]
            feature_names = [name for name, _ in blocks]
            self.final_estimator_._fit(stacked, target, names=feature_names, blocks=blocks, groups=groups, **weights)
        else:
            self.final_estimator_.fit(stacked, target, **weights)
        coef = getattr(self.final_estimator_, "coef_", None)
        if coef is not None and len(self.classes_) > 2:
            if isinstance(self.final_estimator_, CFEnsembleClassifier):
                self.weights_ = dict(zip(self.final_estimator_.classifier_names_, coef.T, strict=True))
        elif coef is not None:
            self.weights_ = dict(zip((name for name, _ in kept), np.ravel(coef).tolist(), strict=False))
        return self

    def _route(self, names: tuple[str, ...], fit_params: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Arguments of the estimators' fit, by name."""
        from sklearn import get_config

        if get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "fit", **fit_params)
            return {name: dict(routed[name]["fit"]) for name in names}
        unknown = set(fit_params) - {"sample_weight"}
        if unknown:
            raise ValueError(
                f"fit got {sorted(unknown)}, which is passed on only with "
                "sklearn.set_config(enable_metadata_routing=True)"
            )
        return {name: dict(fit_params) for name in names}

    def get_metadata_routing(self) -> MetadataRouter:
        """Which metadata goes where.

        Returns
        -------
        MetadataRouter
            Of the estimators by name.
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        for name, estimator in self.estimators:
            router.add(**{name: estimator}, method_mapping=MethodMapping().add(callee="fit", caller="fit"))
        return router

    def _method(self, name: str, estimator: Any) -> str:
        asked = self.stack_method
        methods = ["predict_proba", "decision_function", "predict"] if asked == "auto" else asked
        try:
            return str(_check_response_method(estimator, methods).__name__)
        except AttributeError as error:
            raise ValueError(f"Underlying estimator {name} does not implement the method {asked}.") from error

    def _is_prefit(self) -> bool:
        # Other values may be arrays, which are not compared with a word.
        return isinstance(self.cv, str) and self.cv == "prefit"

    def _known_classes(self) -> NDArray[Any]:
        """The classes as the estimators know them: by number, unless they were fitted elsewhere."""
        known: NDArray[Any] = self.classes_ if self._is_prefit() else np.arange(len(self.classes_))
        return known

    def _width(self) -> int:
        """Columns of an estimator: the second of two classes, or each of more."""
        return 1 if len(self.classes_) == 2 else len(self.classes_)

    def _splits(self, X: Any, labels: NDArray[np.int64], groups: Any) -> list[tuple[Any, Any]]:
        seed = seed_of(self.random_state)
        cv = self.cv
        if cv is None:
            # No fold without the rarest class, where that can be had.
            n_splits = min(5, int(np.bincount(labels).min()))
            if len(self.classes_) > 2 and n_splits < 2:
                # The others can be learned all the same.
                lone = [_plain(c) for c in self.classes_[np.bincount(labels) < 2]]
                warn(f"the classes {lone[:12]} have a single row each, which no estimator learns from while it is held out")
                n_splits = 2
            if n_splits < 2:
                raise DataError(
                    "the class with fewer rows has a single one, so no row can be held out; label more rows of both "
                    "classes, or give fitted estimators with cv='prefit'"
                )
            kind = StratifiedKFold if groups is None else StratifiedGroupKFold
            cv = kind(n_splits, shuffle=True, random_state=seed)
        elif groups is not None and isinstance(cv, (int, np.integer)):
            cv = StratifiedGroupKFold(int(cv), shuffle=True, random_state=seed)
        elif not isinstance(cv, (int, np.integer)):
            given = fold_of_each(cv, len(labels))
            if given is not None:
                return list(PredefinedSplit(named_folds(given, np.arange(len(labels)))).split())
            pairs = given_splits(cv, len(labels))
            if pairs is not None:
                return list(pairs)
        cv = deepcopy(check_cv(cv, y=labels, classifier=True))
        return list(cv.split(X, labels, groups))

    def _cross_validate(
        self, kept: list[tuple[str, Any]], X: Any, labels: NDArray[np.int64], groups: Any, routed: dict[str, Any]
    ) -> tuple[list[Any], list[_Outcome]]:
        with warnings.catch_warnings():
            # Of a class with fewer rows than folds; it was said already.
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            splits = self._splits(X, labels, groups)
        known = self._known_classes()
        tested, fold_of = np.zeros(len(labels), dtype=np.intp), np.zeros(len(labels), dtype=np.int64)
        for fold, (_, test) in enumerate(splits):
            np.add.at(tested, test, 1)
            fold_of[test] = fold
        if (tested != 1).any():
            row = int(np.flatnonzero(tested != 1)[0])
            raise tested_wrongly(self.cv, row, int(tested[row]))
        if groups is not None:
            check_groups(np.asarray(groups), fold_of)
        everything = np.arange(len(labels))
        tasks = []
        for (name, est), method in zip(kept, self.stack_method_, strict=True):
            tasks.append(delayed(_fit_and_predict)(est, X, labels, everything, None, method, routed[name], known))
            for train, test in splits:
                tasks.append(delayed(_fit_and_predict)(est, X, labels, train, test, method, routed[name], known))
        done = Parallel(n_jobs=self.n_jobs, verbose=self.verbose)(tasks)

        estimators, outcomes = [], []
        step = 1 + len(splits)
        for at in range(0, len(done), step):
            estimators.append(done[at][0])
            values = _no_columns(len(labels), len(known))
            unfit, errors = done[at][2], [done[at][3]]
            for (_, test), (_, held_out, _, error) in zip(splits, done[at + 1 : at + step], strict=True):
                values[test] = held_out
                errors.append(error)
            outcomes.append(_Outcome(values, next((e for e in errors if e), None), unfit))
        return estimators, outcomes

    def _stack(self, columns: list[NDArray[np.float64]], X: Any) -> NDArray[Any]:
        stacked = np.column_stack(columns)
        if not self.passthrough:
            return stacked
        dense = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
        return np.hstack([stacked, dense])

    @property
    def n_features_in_(self) -> int:
        """Number of features of X."""
        try:
            check_is_fitted(self)
        except NotFittedError as error:
            raise AttributeError(f"{type(self).__name__} object has no attribute n_features_in_") from error
        return int(self.estimators_[0].n_features_in_)

    def _names_out(self, X: Any) -> list[str]:
        names = self._columns_of([name for name, est in self.estimators if not _is_drop(est)])
        if self.passthrough:
            columns = getattr(self, "feature_names_in_", None)
            names += [f"x{j}" for j in range(np.shape(X)[1])] if columns is None else [str(c) for c in columns]
        return names

    def _columns_of(self, names: list[str]) -> list[str]:
        """Names of the columns that the estimators have."""
        if len(self.classes_) == 2:
            return names
        return [f"{name}{SEPARATOR}{label}" for name in names for label in class_texts(self.classes_)]

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Names of the columns of ``transform``: those of the estimators, and with ``passthrough`` those of X.

        Of more than two classes each estimator has a column for each, ``<estimator>:<class>``.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of X.

        Returns
        -------
        ndarray of str
            One for each column.
        """
        check_is_fitted(self)
        names = self._columns_of([name for name, est in self.estimators if not _is_drop(est)])
        features = _check_feature_names_in(self, input_features, generate_names=self.passthrough)
        return np.asarray([*names, *(features if self.passthrough else [])], dtype=object)

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Predictions of the estimators, a column for each (of more than two classes K); NaN where one fails.

        Parameters
        ----------
        X : array-like of shape (n, k)
            Features.

        Returns
        -------
        ndarray of shape (n, m) or (n, m K)
            In the order of the estimators.
        """
        check_is_fitted(self)
        names = [name for name, est in self.estimators if not _is_drop(est)]
        columns, known = [], self._known_classes()
        for name, est, method in zip(names, self.estimators_, self.stack_method_, strict=True):
            outcome = _predict_rows(est, method, X, known)
            outcome.warn(name)
            columns.append(outcome.values)
        return self._stack(columns, X)

    def _combine(self, method: str, X: ArrayLike) -> NDArray[Any]:
        check_is_fitted(self)
        # Not `transform`, whose output may be a data frame by `set_output`.
        transform = type(self).transform
        stacked = getattr(transform, "__wrapped__", transform)(self, X)
        combined: NDArray[Any] = getattr(self.final_estimator_, method)(stacked)
        return combined

    def _offers(self, method: str) -> bool:
        final = getattr(self, "final_estimator_", self.final_estimator)
        return final is None or hasattr(final, method)


class _Outcome(NamedTuple):
    """Predictions of one estimator."""

    values: NDArray[np.float64]
    #: Why some are missing.
    error: Exception | None
    #: Training rows that its fit on all rows left out.
    unfit: int

    def warn(self, name: str) -> None:
        gone = int(np.isnan(self.values if self.values.ndim == 1 else self.values[:, 0]).sum())
        said = [f"was fitted without {self.unfit} rows that have missing values"] if self.unfit else []
        if gone:
            said.append(f"gave no prediction for {gone} of {len(self.values)} rows, which count as missing")
        if said:
            why = f" ({type(self.error).__name__}: {self.error})" if self.error else ""
            warn(f"the estimator {name!r} {' and '.join(said)}{why}")


def _is_drop(estimator: Any) -> bool:
    return isinstance(estimator, str) and estimator == "drop"


def _complete(X: Any) -> NDArray[np.bool_] | None:
    """Rows without a missing value; None where that cannot be told, or all are complete."""
    gone: NDArray[np.bool_]
    if hasattr(X, "isna"):
        gone = np.asarray(np.asarray(X.isna()).any(axis=1))
    else:
        try:
            gone = np.asarray(np.isnan(np.asarray(X, dtype=np.float64)).any(axis=1))
        except (TypeError, ValueError):
            return None
    return ~gone if gone.any() else None


def _fit_rows(
    estimator: Any, X: Any, y: NDArray[Any], rows: NDArray[np.intp], params: dict[str, Any]
) -> tuple[Any, int, Exception | None]:
    """Fitted on the rows, or on the complete ones where it refuses the others; and how many were left out."""

    def fit(rows: NDArray[np.intp]) -> Any:
        subset = {
            key: _safe_indexing(value, rows) if _rowwise(value, len(y)) else value for key, value in params.items()
        }
        whole = len(rows) == len(y)
        return clone(estimator).fit(X if whole else _safe_indexing(X, rows), y[rows], **subset)

    try:
        return fit(rows), 0, None
    except Exception as error:
        complete = _complete(X)
        if complete is None:
            raise
        kept = rows[complete[rows]]
        if len(kept) == len(rows) or len(np.unique(y[kept])) < 2:
            raise
        return fit(kept), len(rows) - len(kept), error


def _rowwise(value: Any, n: int) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, dict)) and len(value) == n


def _fit_and_predict(
    estimator: Any,
    X: Any,
    y: NDArray[np.int64],
    train: NDArray[np.intp],
    test: NDArray[np.intp] | None,
    method: str,
    params: dict[str, Any],
    classes: NDArray[Any],
) -> tuple[Any, NDArray[np.float64] | None, int, Exception | None]:
    labels = y.astype(np.intp)
    fitted, left_out, error = _fit_rows(estimator, X, labels, np.asarray(train), params)
    if test is None:
        return fitted, None, left_out, error
    outcome = _predict_rows(fitted, method, _safe_indexing(X, test), classes)
    return None, outcome.values, left_out, outcome.error or error


def _predict_rows(estimator: Any, method: str, X: Any, classes: NDArray[Any]) -> _Outcome:
    """Predictions of all rows; where the estimator fails, its rows are halved until those are found that it fails on."""
    ask = getattr(estimator, method)
    try:
        return _Outcome(_columns(estimator, method, ask(X), classes), None, 0)
    except NotFittedError:
        raise
    except Exception as error:
        first = error
    (X,) = indexable(X)
    n = _num_samples(X)
    values = _no_columns(n, len(classes))
    failed, succeeded = 0, False
    complete = _complete(X)
    parts = [np.arange(n)]
    if complete is not None:
        # Missing values are what most estimators fail on.
        parts = [np.flatnonzero(~complete), np.flatnonzero(complete)]
    while parts:
        rows = parts.pop()
        if not len(rows):
            continue
        try:
            values[rows] = _columns(estimator, method, ask(_safe_indexing(X, rows)), classes)
            succeeded = True
        except Exception:
            failed += 1
            if not succeeded and failed >= HOPELESS:
                raise first from None
            if len(rows) > 1:
                middle = len(rows) // 2
                parts += [rows[middle:], rows[:middle]]
    if not succeeded:
        raise first
    return _Outcome(values, first, 0)


def _no_columns(n: int, classes: int) -> NDArray[np.float64]:
    return np.full(n if classes == 2 else (n, classes), np.nan)


def _columns(estimator: Any, method: str, predicted: Any, classes: NDArray[Any]) -> NDArray[np.float64]:
    """What an estimator says of these classes: (n,) for the second of two, or (n, K)."""
    if len(classes) == 2:
        return _column(estimator, method, predicted)
    places = {_plain(label): place for place, label in enumerate(classes)}
    own = [places[_plain(label)] for label in getattr(estimator, "classes_", classes)]
    predicted = np.asarray(predicted)
    if method == "predict":
        return (predicted[:, None] == classes).astype(np.float64)
    out = np.zeros((len(predicted), len(classes)))
    if method == "decision_function":
        if predicted.ndim == 1:
            # A fold of two classes.
            predicted = np.column_stack([-predicted, predicted])
        # A class that the fold did not have is as unlikely as the least likely one.
        out += predicted.min(axis=1, keepdims=True)
    ovo = getattr(estimator, "decision_function_shape", None) == "ovo"
    if predicted.shape[1] != len(own) or (ovo and method == "decision_function"):
        raise DataError(
            f"{type(estimator).__name__} gives scores of pairs of classes; set decision_function_shape='ovr', so that each class "
            "has its own"
        )
    out[:, own] = predicted
    return out


def _column(estimator: Any, method: str, predicted: Any) -> NDArray[np.float64]:
    """What says how much an estimator is for the second class."""
    classes = getattr(estimator, "classes_", None)
    predicted = np.asarray(predicted)
    if method == "predict_proba":
        if predicted.shape[1] == 2:
            return predicted[:, 1].astype(np.float64)
        # A fold of one class: its probability is 1.
        return np.full(len(predicted), float(classes is not None and classes[0] == 1))
    if method == "decision_function":
        return predicted.astype(np.float64).reshape(len(predicted))
    positive = 1 if classes is None else classes[-1]
    return (predicted == positive).astype(np.float64)
