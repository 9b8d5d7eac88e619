"""The estimator that combines columns of probabilities."""

from __future__ import annotations

import json
import os
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, check_is_fitted, validate_data

from . import _core
from ._base import TwoClasses
from ._labels import _plain, encode, folds_of, seed_of
from ._progress import ProgressCallback, listener
from ._scores import ScoreMap, apply_maps, fit_maps
from .errors import SettingsError

#: Where a model file keeps what only this package knows.
NOTE = "python"


class CFEnsembleClassifier(TwoClasses, BaseEstimator):
    """Combines the probabilities of trained classifiers into one.

    ``X`` has a row for each instance and a column for each classifier: its probability of the positive class, NaN where
    it gave none. The probabilities of the training rows must be out-of-fold, from classifiers that did not see the row
    (``cross_val_predict``, or :class:`CFEnsembleStackingClassifier`, which makes them).

    Parameters
    ----------
    method : {"recommended", "als", "torch"}, default="recommended"
        "recommended" averages aggregators over a factorization and is calibrated. "als" and "torch" are the published
        joint models; "torch" needs a build with libtorch.
    input : {"auto", "proba", "score"}, default="auto"
        What the columns hold. "proba": probabilities; a value outside [0, 1] is an error, but for a hair (1e-5), which
        is rounding. "score": any numbers, mapped
        by their distribution in the training rows. "auto": a column that leaves [0, 1] in training is a score.
    cv : int, array-like of shape (n,), cross-validation splitter or iterable, default=None
        Folds that choose the members and give the out-of-fold scores; None is 5 stratified ones. An array has the fold
        of each row, as ``PredefinedSplit`` does. A splitter must test each row once.
    pos_label : label, default=None
        The class that the columns are probabilities of; None is ``classes_[1]``.
    settings : dict, default=None
        Settings of the method by name, as in ``cfe fit --set``: ``{"latent_dim": 8}``.
    random_state : int or RandomState, default=None
        Seed of folds and starts; None is 0. Same seed, same bits, for any ``n_jobs``.
    n_jobs : int, default=None
        Threads; None and -1 are all cores.
    verbose : int, default=0
        Above 0, a bar of tqdm shows the progress.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The classes, ascending.
    n_features_in_ : int
        Number of classifiers, m.
    feature_names_in_ : ndarray of shape (m,)
        Their names, where X had string column names.
    coef_ : ndarray of shape (1, m)
        Weight of each classifier: of the standardized probability and log-odds ("recommended"), or of the reconstructed
        probability ("als", "torch").
    oof_decision_function_ : ndarray of shape (n,)
        Cross-validated log-odds of ``classes_[1]`` for the training rows; NaN for rows without a label, and for all
        rows where a class has a single one.
    best_threshold_ : float or None
        Probability of ``pos_label`` from which on to call a row positive, for the largest F1 on the cross-validated
        rows; None where a class has a single row. ``predict`` cuts at 0.5 all the same; see
        ``sklearn.model_selection.TunedThresholdClassifierCV``.
    family_shares_ : dict
        Weight of each family in the average ("recommended" alone).
    n_folds_ : int
        Folds of the cross-validation.
    fit_info_ : dict
        What the method tells about its fit: members, or iterations, stop reason and loss.
    combiner_ : Model
        The fitted combiner.

    Examples
    --------
    >>> import numpy as np
    >>> from cf_ensemble import CFEnsembleClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = (rng.random(500) < 0.1).astype(int)
    >>> logits = 3 * y[:, None] - 2 + rng.normal(size=(500, 6))
    >>> P = 1 / (1 + np.exp(-logits))
    >>> model = CFEnsembleClassifier().fit(P, y)
    >>> model.predict_proba(P[:3]).round(2)[:, 1].shape
    (3,)
    >>> 0 < model.best_threshold_ < 1
    True
    """

    def __init__(
        self,
        *,
        method: str = "recommended",
        input: str = "auto",
        cv: Any = None,
        pos_label: Any = None,
        settings: dict[str, Any] | None = None,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.method = method
        self.input = input
        self.cv = cv
        self.pos_label = pos_label
        self.settings = settings
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        progress: bool | ProgressCallback | None = None,
    ) -> Self:
        """Fits the combiner.

        Parameters
        ----------
        X : array-like of shape (n, m)
            Out-of-fold probabilities, NaN where a classifier gave none.
        y : array-like of shape (n,)
            Two classes. With method "als" or "torch" a row may have no label: NaN, None, or -1 beside two other classes.
        sample_weight : array-like of shape (n,), default=None
            Weights of the rows, at least 0.
        groups : array-like of shape (n,), default=None
            Rows of one group (a patient, a day) stay in one fold.
        progress : bool or callable, default=None
            True shows a bar of tqdm. A callable gets ``(done, total, loss)``; an exception in it ends the fit and comes
            out unchanged.

        Returns
        -------
        CFEnsembleClassifier
            This estimator.

        Raises
        ------
        DataError
            Values outside [0, 1] with ``input="proba"``, labels of one class, lengths that differ.
        SettingsError
            Unknown settings or values out of range.
        """
        return self._fit(X, y, sample_weight, groups=groups, progress=progress)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        groups: Any = None,
        progress: bool | ProgressCallback | None = None,
        names: list[str] | None = None,
    ) -> Self:
        """As ``fit``; ``names`` are those of the columns where X has none."""
        row_names = getattr(X, "index", None)
        if y is None:
            validate_data(self, X, y)  # raises, in scikit-learn's words
        X = validate_data(
            self, X, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan", ensure_min_samples=2
        )
        check_consistent_length(X, y)
        semi_supervised = self.method != "recommended"
        classes, labels, positive = encode(y, self.pos_label, semi_supervised=semi_supervised)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
        seed = seed_of(self.random_state)
        settings = dict(self.settings or {})
        folds = folds_of(self.cv, X, labels, groups, seed=seed)
        n_folds = int(self.cv) if folds is None and self.cv is not None else None

        names = self._names() if names is None else names
        maps = fit_maps(X, names, self.input)
        mapped = apply_maps(X, maps)
        fitted = _core.fit(
            mapped,
            labels,
            names,
            method=self.method,
            settings=settings_json(settings),
            seed=seed,
            sample_weight=sample_weight,
            folds=folds,
            n_folds=n_folds,
            threads=threads_of(self.n_jobs),
            progress=listener(bool(self.verbose) if progress is None else progress),
            row_names=row_names,
        )
        self.classes_ = classes
        self._positive = int(positive == classes[1])
        self._maps: list[ScoreMap] = maps
        self._set_combiner(fitted.model)
        self.n_folds_ = fitted.n_folds
        self.fit_info_ = json.loads(fitted.facts)
        cut = None if fitted.cut is None else json.loads(fitted.cut)
        self.best_threshold_ = None if cut is None else cut["threshold"]
        oof = np.full(len(labels), np.nan)
        if fitted.out_of_fold_logits is not None:
            oof[labels >= 0] = self._sign() * fitted.out_of_fold_logits
        self.oof_decision_function_ = oof
        # For what a notebook shows; not kept in a pickle.
        self._training = labels, _mean_of(mapped)
        return self

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {key: value for key, value in state.items() if key not in ("_training", "_part")}

    def _held_out(self) -> tuple[NDArray[np.int8], NDArray[np.float64]] | None:
        """Labels and cross-validated probabilities of ``pos_label`` for the labeled training rows."""
        training = getattr(self, "_training", None)
        if training is None:
            return None
        labels = training[0]
        logits = self._sign() * self.oof_decision_function_
        seen = (labels >= 0) & ~np.isnan(logits)
        return (labels[seen], 1 / (1 + np.exp(-logits[seen]))) if seen.any() else None

    def _judged(self) -> dict[str, Any] | None:
        """Scores of the cross-validated rows beside the mean; None where there are none."""
        held_out = self._held_out()
        if held_out is None:
            return None
        if not hasattr(self, "_part"):
            from ._ensemble import measured

            labels, mean = self._training
            seen = (labels >= 0) & ~np.isnan(self.oof_decision_function_)
            self._part = measured(held_out[0], {"combined": held_out[1], "mean": mean[seen]})
            self._part["cross_validated"] = True
        return self._part

    def _names(self) -> list[str]:
        names = getattr(self, "feature_names_in_", None)
        return [f"clf_{j}" for j in range(self.n_features_in_)] if names is None else [str(name) for name in names]

    def _sign(self) -> int:
        return 1 if self._positive == 1 else -1

    def _set_combiner(self, model: _core.Model) -> None:
        self.combiner_ = model
        self.coef_ = model.weights[None, :]
        shares = model.family_shares
        if shares is not None:
            self.family_shares_ = json.loads(shares)

    def _predict(self, X: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Log-odds and probability of the positive class, and the number of classifiers that gave a prediction."""
        mapped, row_names = self._columns(X)
        return self.combiner_.predict(mapped, threads=threads_of(self.n_jobs), row_names=row_names)

    def _columns(self, X: Any) -> tuple[NDArray[Any], Any]:
        """X checked, with its scores mapped, and the names of its rows."""
        check_is_fitted(self)
        row_names = getattr(X, "index", None)
        X = validate_data(self, X, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan", reset=False)
        return apply_maps(X, self._maps), row_names

    def _combine(self, method: str, X: ArrayLike) -> NDArray[Any]:
        logits, positive, _ = self._predict(X)
        if method == "predict_proba":
            out = np.empty((len(positive), 2))
            out[:, self._positive] = positive
            np.subtract(1, positive, out=out[:, 1 - self._positive])
            return out
        decision = logits if self._sign() == 1 else -logits
        return decision if method == "decision_function" else self.classes_[(decision > 0).astype(np.intp)]

    def explain(self, X: ArrayLike) -> NDArray[np.float64]:
        """Tell what each classifier adds to the log-odds of ``classes_[1]``.

        The rows add up to ``decision_function`` but for the intercept and, with method "recommended", the local
        correction, which belong to no classifier alone.

        Parameters
        ----------
        X : array-like of shape (n, m)
            Probabilities of the same classifiers in the same order.

        Returns
        -------
        ndarray of shape (n, m)
            A column for each classifier.
        """
        mapped, row_names = self._columns(X)
        parts = self.combiner_.explain(mapped, threads=threads_of(self.n_jobs), row_names=row_names)[0]
        return parts if self._sign() == 1 else -parts

    def n_observed(self, X: ArrayLike) -> NDArray[np.int64]:
        """How many classifiers gave a prediction for each row.

        Parameters
        ----------
        X : array-like of shape (n, m)
            Probabilities of the same classifiers in the same order.

        Returns
        -------
        ndarray of shape (n,)
            From 0 to m.
        """
        return self._predict(X)[2]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model file, the same that ``cfe`` reads, whole or not at all.

        Parameters
        ----------
        path : str or path-like
            The file; ``.safetensors`` is usual.
        """
        check_is_fitted(self)
        note = {
            "classes": [_plain(label) for label in self.classes_],
            "positive": self._positive,
            "pos_label": None if self.pos_label is None else _plain(self.pos_label),
            "names": hasattr(self, "feature_names_in_"),
            "input": self.input,
            "method": self.method,
            "scores": [[column, knots.tolist(), values.tolist()] for column, knots, values in self._maps],
        }
        self.combiner_.with_note(NOTE, json.dumps(note)).save(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The model of a file that :meth:`save` or ``cfe fit --model-out`` wrote.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        CFEnsembleClassifier
            Predicts to the same bits. Of a file of ``cfe`` the classes are 0 and 1.
        """
        model = _core.Model.load(path)
        details = json.loads(model.details)
        provenance = details.get("provenance", {})
        note = provenance.get(NOTE)
        written_by_cfe = note is None
        if written_by_cfe:
            note = {"classes": [0, 1], "positive": 1, "names": True, "input": "proba", "scores": []}
            note["method"] = provenance.get("trainer", "recommended")
        settings = {key: value for key, value in provenance.get("settings", {}).items() if key not in ("seed", "folds")}
        self = cls(
            method=note["method"],
            input=note["input"],
            pos_label=note.get("pos_label"),
            settings=settings or None,
            random_state=details.get("seed"),
        )
        self.classes_ = np.asarray(note["classes"])
        self._positive = note["positive"]
        self._maps = [(column, np.asarray(knots), np.asarray(values)) for column, knots, values in note["scores"]]
        self.n_features_in_ = len(model.classifier_names)
        if note["names"]:
            self.feature_names_in_ = np.asarray(model.classifier_names, dtype=object)
        self.best_threshold_ = model.threshold
        self.fit_info_ = provenance.get("fit", {})
        self.n_folds_ = self.fit_info_.get("folds", 0)
        self._set_combiner(model)
        return self


def _mean_of(X: NDArray[Any]) -> NDArray[np.float64]:
    """The mean probability of each row; where there is none, that of all rows."""
    total, count = np.zeros(len(X)), np.zeros(len(X))
    # Column by column: no array as large as X.
    for column in X.T:
        seen = ~np.isnan(column)
        np.add(total, column, out=total, where=seen)
        count += seen
    mean = np.divide(total, count, out=np.full(len(X), np.nan), where=count > 0)
    return np.where(np.isnan(mean), np.nanmean(mean), mean)


def threads_of(n_jobs: int | None) -> int:
    """Threads for the compiled half, which takes 0 for all cores."""
    if n_jobs is None or n_jobs == -1:
        return 0
    if n_jobs == 0:
        raise ValueError("n_jobs=0 is not allowed; None and -1 are all cores, 1 is one")
    if n_jobs < 0:
        return max(1, (os.cpu_count() or 1) + 1 + int(n_jobs))
    # More threads than cores bring nothing, and a million of them would not even start.
    return min(int(n_jobs), os.cpu_count() or 1)


def settings_json(settings: dict[str, Any]) -> str:
    def number(value: Any) -> Any:
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, np.ndarray):
            return value.tolist()
        raise SettingsError(f"settings: {value!r} cannot be a setting; numbers, text, lists and dicts can")

    return json.dumps(settings, default=number)
