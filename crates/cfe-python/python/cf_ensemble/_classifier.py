"""The estimator that combines columns of probabilities."""

from __future__ import annotations

import json
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, check_is_fitted, validate_data

from . import _core
from ._base import CombiningClassifier
from ._classes import (
    TOLERANCE,
    Member,
    cube_of,
    dealt,
    decision_text,
    fit_classes,
    flat,
    learn_alone,
    log_odds,
    members_of,
    soft_vote,
)
from ._how import settings_json, threads_of
from ._labels import Labels, _plain, class_texts, classes_of, folds_of, of_two, seed_of
from ._model_file import SavedCombiner, settings_of
from ._progress import ProgressCallback, listener
from ._scores import ScoreMap, apply_maps, fit_maps
from .errors import DataError, SettingsError, warn

#: Where a model file keeps what only this package knows.
NOTE = "python"


class CFEnsembleClassifier(CombiningClassifier, SavedCombiner, BaseEstimator):
    """Combines the probabilities of trained classifiers into one.

    ``X`` has a row for each instance and a column for each classifier: its probability of the positive class, NaN where
    it gave none. The probabilities of the training rows must be out-of-fold, from classifiers that did not see the row
    (``cross_val_predict``, or :class:`CFEnsembleStackingClassifier`, which makes them).

    Of K > 2 classes a classifier gives a probability of each. Then ``X`` is an array (n, m, K) or (m, n, K), or it has m K
    columns: with names ``<classifier>:<class>`` in any order, without names those of one classifier side by side, in the
    order of ``classes_``. Rows of a classifier sum to 1; NaN in all of them where it gave none.

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
        of each row, as ``PredefinedSplit`` does. An iterable has (train, test) rows of each fold. Each labeled row must be
        tested once. A class whose rows are all in one fold cannot be cross-validated: of more than two classes its
        probability is then the mean of the classifiers, with a warning.
    pos_label : label, default=None
        The class that the columns are probabilities of; None is ``classes_[1]``.
    decision : {"largest", "macro_f1"} or array-like of shape (K, K), default="largest"
        Of K > 2 classes, what ``predict`` decides for: the largest probability, the largest p_k w_k with weights fitted for
        macro F1 to the cross-validated rows, or the least expected cost, with a row of costs for each true class and a
        column for each decision, in the order of ``classes_``.
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
    classes_ : ndarray of shape (K,)
        The classes, ascending.
    n_features_in_ : int
        Number of columns: of classifiers, m, or of more than two classes m K.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X had string column names.
    classifier_names_ : list of str
        Names of the classifiers, m.
    coef_ : ndarray of shape (1, m) or (K, m)
        Weight of each classifier: of the standardized probability and log-odds ("recommended"), or of the reconstructed
        probability ("als", "torch"). Of more than two classes a row for each class, against all others; NaN for a class of
        which there was nothing to learn.
    oof_decision_function_ : ndarray of shape (n,) or (n, K)
        Cross-validated log-odds of ``classes_[1]``, or of each class, for the training rows; NaN for rows without a label,
        and of two classes for all rows where one has a single row.
    best_threshold_ : float or None
        Probability of ``pos_label`` from which on to call a row positive, for the largest F1 on the cross-validated
        rows; None where a class has a single row, and of more than two classes. ``predict`` cuts at 0.5 all the same; see
        ``sklearn.model_selection.TunedThresholdClassifierCV``.
    decision_ : str or dict
        Of more than two classes, what is decided for: "largest", or ``{"weights": [...]}``, ``{"costs": [...]}``.
    family_shares_ : dict
        Weight of each family in the average ("recommended" and two classes alone).
    n_folds_ : int
        Folds of the cross-validation.
    fit_info_ : dict
        What the method tells about its fit: members, or iterations, stop reason and loss.
    combiner_ : Model or ClassModel
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

    Three classes, and two classifiers that see them through noise:

    >>> y = rng.choice(["bus", "car", "van"], 300, p=[0.2, 0.6, 0.2])
    >>> of_class = y[:, None] == np.array(["bus", "car", "van"])
    >>> e = np.exp(2 * of_class[:, None, :] + rng.normal(size=(300, 2, 3)))
    >>> P = e / e.sum(axis=2, keepdims=True)
    >>> model = CFEnsembleClassifier().fit(P, y)
    >>> model.predict_proba(P).shape, model.coef_.shape
    ((300, 3), (3, 2))
    """

    def __init__(
        self,
        *,
        method: str = "recommended",
        input: str = "auto",
        cv: Any = None,
        pos_label: Any = None,
        decision: Any = "largest",
        settings: dict[str, Any] | None = None,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.method = method
        self.input = input
        self.cv = cv
        self.pos_label = pos_label
        self.decision = decision
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
        X : array-like of shape (n, m), (n, m K), (n, m, K) or (m, n, K)
            Out-of-fold probabilities, NaN where a classifier gave none.
        y : array-like of shape (n,)
            Two classes or more. With method "als" or "torch" a row may have no label: NaN, None, or -1 beside two other
            classes.
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
        blocks: list[tuple[str, int]] | None = None,
    ) -> Self:
        """As ``fit``; ``names`` are those of the columns where X has none, ``blocks`` how many each has of more classes."""
        row_names = getattr(X, "index", None)
        if y is None:
            validate_data(self, X, y)  # raises, in scikit-learn's words
        semi_supervised = self.method != "recommended"
        labels = None
        self._turned, whole = False, getattr(X, "ndim", 2) == 3
        if whole:
            labels = classes_of(y, semi_supervised=semi_supervised)
            X, self._turned = flat(X, len(labels.codes), len(labels.classes))
            if len(labels.classes) == 2:
                X = _of_positive(X, of_two(labels, self.pos_label)[1] == labels.classes[1], self.input)
        X = validate_data(
            self, X, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan", ensure_min_samples=2
        )
        check_consistent_length(X, y)
        if labels is None:
            labels = classes_of(y, semi_supervised=semi_supervised)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
        self.classes_ = labels.classes
        heard = listener(bool(self.verbose) if progress is None else progress)
        if len(labels.classes) > 2:
            return self._fit_classes(X, labels, sample_weight, groups, heard, whole=whole, blocks=blocks)
        return self._fit_two(X, labels, sample_weight, groups, heard, row_names, names)

    def _fit_two(
        self, X: NDArray[Any], given: Labels, weights: Any, groups: Any, heard: Any, row_names: Any, names: list[str] | None
    ) -> Self:
        if not isinstance(self.decision, str) or self.decision != "largest":
            raise SettingsError(
                f"decision={self.decision!r} is for more than two classes; of two, best_threshold_ and "
                "TunedThresholdClassifierCV cut elsewhere"
            )
        labels, positive = of_two(given, self.pos_label)
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
            sample_weight=weights,
            folds=folds,
            n_folds=n_folds,
            threads=threads_of(self.n_jobs),
            progress=heard,
            row_names=row_names,
        )
        self._positive = int(positive == given.classes[1])
        self._maps: list[ScoreMap] = maps
        self._set_combiner(fitted.model)
        self.n_folds_ = fitted.n_folds
        self.fit_info_ = json.loads(fitted.facts)
        cut = None if fitted.cut is None else json.loads(fitted.cut)
        self.best_threshold_ = None if cut is None else cut["threshold"]
        oof: NDArray[np.float64] = np.full(len(labels), np.nan)
        if fitted.out_of_fold_logits is not None:
            oof[labels >= 0] = self._sign() * fitted.out_of_fold_logits
        self.oof_decision_function_: NDArray[np.float64] = oof
        # For what a notebook shows; not kept in a pickle.
        self._training: tuple[NDArray[Any], NDArray[np.float64], Any] = labels, _mean_of(mapped), weights
        return self

    def _fit_classes(
        self, X: NDArray[Any], labels: Labels, weights: Any, groups: Any, heard: Any, *, whole: bool, blocks: Any
    ) -> Self:
        """Of more than two classes; ``whole`` says that X had three axes, ``blocks`` names the columns of a stack."""
        if self.pos_label is not None:
            raise SettingsError(f"pos_label={self.pos_label!r} is for two classes, and y has {len(labels.classes)}")
        classes, codes = labels
        seed, k = seed_of(self.random_state), len(classes)
        names = getattr(self, "feature_names_in_", None)
        members = members_of(X, names, classes, self.input, whole=whole, blocks=blocks)
        folds = None
        if self.cv is not None and not isinstance(self.cv, (int, np.integer)):
            folds = folds_of(self.cv, X, codes, groups, seed=seed)
        n_folds = None if self.cv is None or folds is not None else int(self.cv)
        out_of_fold: dict[int, NDArray[np.float64]] = {}
        if any(member.kind == "alone" for member in members):
            inner = dealt(codes, groups, n_folds or 5, seed) if folds is None else folds
            members, out_of_fold = learn_alone(X, members, codes, weights, inner, k)
        cube = cube_of(X, members, k, out_of_fold)
        table = _core.ClassTable.from_arrays(
            cube,
            codes,
            [member.name for member in members],
            class_texts(classes),
            "X",
            sample_weight=weights,
            groups=None if groups is None else [str(_plain(group)) for group in np.asarray(groups)],
            folds=None if folds is None else [str(fold) for fold in folds],
        )
        for text in table.warnings:
            warn(text)
        options = {"trainer": self.method, "set": dict(self.settings or {}), "seed": seed, "folds": n_folds}
        rule = {"decision": decision_text(self.decision, k)}
        fitted = fit_classes(
            table,
            settings_json({key: value for key, value in options.items() if value is not None}),
            json.dumps(rule),
            threads=threads_of(self.n_jobs),
            progress=heard,
        )
        self._members = members
        self._set_combiner(fitted.model)
        self.n_folds_ = fitted.n_folds
        self.fit_info_ = json.loads(fitted.facts)
        self.best_threshold_ = None
        oof: NDArray[np.float64] = np.full((len(codes), k), np.nan)
        if fitted.out_of_fold is not None:
            oof[fitted.labeled] = log_odds(fitted.out_of_fold)
        self.oof_decision_function_ = oof
        self._training = codes, soft_vote(cube), weights
        return self

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {key: value for key, value in state.items() if key not in ("_training", "_part")}

    def _held_out(self) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64] | None] | None:
        """Labels, cross-validated probabilities (of ``pos_label``, or of each class) and weights of the labeled rows."""
        rows = self._scored_rows()
        if rows is None:
            return None
        labels, _, weights = self._training
        oof = self.oof_decision_function_[rows]
        p = 1 / (1 + np.exp(-oof if len(self.classes_) > 2 else -self._sign() * oof))
        return labels[rows], p, None if weights is None else np.ascontiguousarray(weights[rows], dtype=np.float64)

    def _scored_rows(self) -> NDArray[np.bool_] | None:
        """Training rows with a label and a cross-validated prediction; None where there are none."""
        training = getattr(self, "_training", None)
        if training is None:
            return None
        oof = self.oof_decision_function_
        rows: NDArray[np.bool_] = (training[0] >= 0) & ~np.isnan(oof[:, 0] if oof.ndim == 2 else oof)
        return rows if rows.any() else None

    def _judged(self) -> dict[str, Any] | None:
        """Scores of the cross-validated rows beside the mean; None where there are none."""
        held_out = self._held_out()
        if held_out is None:
            return None
        if not hasattr(self, "_part"):
            from ._ensemble import measured

            labels, p, weights = held_out
            mean = self._training[1][self._scored_rows()]
            if len(self.classes_) > 2:
                methods = [("combined", p), ("soft_voting", mean)]
                self._part = json.loads(_core.measure_classes(labels, methods, sample_weight=weights))
                self._part["name"] = "cross-validated rows"
            else:
                self._part = measured(labels, {"combined": p, "mean": mean}, sample_weight=weights)
            self._part["cross_validated"] = True
        return self._part

    def _names(self) -> list[str]:
        names = getattr(self, "feature_names_in_", None)
        return [f"clf_{j}" for j in range(self.n_features_in_)] if names is None else [str(name) for name in names]

    def _sign(self) -> int:
        return 1 if self._positive == 1 else -1

    def _set_combiner(self, model: _core.Model | _core.ClassModel) -> None:
        self.combiner_ = model
        self.classifier_names_ = model.classifier_names
        # What another fit left.
        for name in ("family_shares_", "decision_"):
            self.__dict__.pop(name, None)
        if isinstance(model, _core.ClassModel):
            self.coef_ = model.weights
            self.decision_ = json.loads(model.decision)
            return
        self.coef_ = model.weights[None, :]
        shares = model.family_shares
        if shares is not None:
            self.family_shares_ = json.loads(shares)

    def _predict_two(
        self, model: _core.Model, X: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Log-odds and probability of the positive class, and the number of classifiers that gave a prediction."""
        mapped, row_names = self._columns(X)
        return model.predict(mapped, threads=threads_of(self.n_jobs), row_names=row_names)

    def _predict_classes(
        self, model: _core.ClassModel, X: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """Probabilities, places of the classes decided for, and the number of classifiers that gave a prediction."""
        return model.predict(self._cube(X), threads=threads_of(self.n_jobs))

    def _checked(self, X: Any) -> NDArray[Any]:
        """X with the columns of the fit."""
        check_is_fitted(self)
        if getattr(X, "ndim", 2) == 3:
            k = len(self.classes_)
            X, _ = flat(X, len(X), k, self._turned)
            if k == 2:
                X = _of_positive(X, self._positive == 1, self.input)
        checked: NDArray[Any] = validate_data(
            self, X, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan", reset=False
        )
        return checked

    def _columns(self, X: Any) -> tuple[NDArray[Any], Any]:
        """Of two classes, X checked, with its scores mapped, and the names of its rows."""
        row_names = getattr(X, "index", None)
        X = self._checked(X)
        return apply_maps(X, self._maps), row_names

    def _cube(self, X: Any) -> NDArray[Any]:
        """Of more classes, the probabilities n x m x K."""
        return cube_of(self._checked(X), self._members, len(self.classes_))

    def _combine(self, method: str, X: ArrayLike) -> NDArray[Any]:
        check_is_fitted(self)
        model = self.combiner_
        if isinstance(model, _core.ClassModel):
            p, decided, _ = self._predict_classes(model, X)
            if method == "predict_proba":
                return p
            return log_odds(p) if method == "decision_function" else self.classes_[decided]
        logits, positive, _ = self._predict_two(model, X)
        if method == "predict_proba":
            out = np.empty((len(positive), 2))
            out[:, self._positive] = positive
            np.subtract(1, positive, out=out[:, 1 - self._positive])
            return out
        decision = logits if self._sign() == 1 else -logits
        return decision if method == "decision_function" else self.classes_[(decision > 0).astype(np.intp)]

    def explain(self, X: ArrayLike) -> NDArray[np.float64]:
        """Tell what each classifier adds to the log-odds of ``classes_[1]``, or of each class against all others.

        The rows add up to ``decision_function`` but for the intercept and, with method "recommended", the local
        correction, which belong to no classifier alone. Of more than two classes these are the log-odds before the classes
        are coupled to one distribution, NaN for a class of which there was nothing to learn.

        Parameters
        ----------
        X : array-like, of a shape that ``fit`` takes
            Probabilities of the same classifiers in the same order.

        Returns
        -------
        ndarray of shape (n, m) or (n, m, K)
            A column for each classifier.
        """
        check_is_fitted(self)
        model, threads = self.combiner_, threads_of(self.n_jobs)
        if isinstance(model, _core.ClassModel):
            return model.explain(self._cube(X), threads=threads)[0]
        mapped, row_names = self._columns(X)
        parts = model.explain(mapped, threads=threads, row_names=row_names)[0]
        return parts if self._sign() == 1 else -parts

    def n_observed(self, X: ArrayLike) -> NDArray[np.int64]:
        """How many classifiers gave a prediction for each row.

        Parameters
        ----------
        X : array-like, of a shape that ``fit`` takes
            Probabilities of the same classifiers in the same order.

        Returns
        -------
        ndarray of shape (n,)
            From 0 to m.
        """
        check_is_fitted(self)
        model = self.combiner_
        return self._predict_classes(model, X)[2] if isinstance(model, _core.ClassModel) else self._predict_two(model, X)[2]

    def _noted(self) -> _core.Model | _core.ClassModel:
        note: dict[str, Any] = {
            "classes": [_plain(label) for label in self.classes_],
            "names": hasattr(self, "feature_names_in_"),
            "input": self.input,
            "method": self.method,
            "turned": self._turned,
        }
        if isinstance(self.combiner_, _core.ClassModel):
            note["columns"] = [str(name) for name in getattr(self, "feature_names_in_", [])]
            note["fit"] = self.fit_info_
            note["members"] = [member.as_json() for member in self._members]
            note["decision"] = self.decision if isinstance(self.decision, str) else np.asarray(self.decision).tolist()
        else:
            note["positive"] = self._positive
            note["pos_label"] = None if self.pos_label is None else _plain(self.pos_label)
            note["scores"] = [[column, knots.tolist(), values.tolist()] for column, knots, values in self._maps]
        return self.combiner_.with_note(NOTE, json.dumps(note))

    @classmethod
    def _of_model(cls, model: _core.Model | _core.ClassModel) -> Self:
        details = json.loads(model.details)
        provenance = details.get("provenance", {})
        note = provenance.get(NOTE)
        of_classes = isinstance(model, _core.ClassModel)
        if note is None:
            note = _note_of_cfe(model)
            note["method"] = provenance.get("trainer", "recommended")
        self = cls(
            method=note["method"],
            input=note["input"],
            pos_label=note.get("pos_label"),
            decision=note.get("decision", "largest"),
            settings=settings_of(provenance, "seed", "folds"),
            random_state=details.get("seed"),
        )
        self.classes_ = np.asarray(note["classes"])
        self._turned = note.get("turned", False)
        if of_classes:
            self._members = [Member.of_json(member) for member in note["members"]]
            names = note["columns"]
            self.n_features_in_ = 1 + max((j for member in self._members for j in member.columns), default=-1)
            self.n_features_in_ = len(names) or self.n_features_in_
        else:
            self._positive = note["positive"]
            self._maps = [(column, np.asarray(knots), np.asarray(values)) for column, knots, values in note["scores"]]
            names = model.classifier_names
            self.n_features_in_ = len(names)
        if note["names"]:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        self.best_threshold_ = None if isinstance(model, _core.ClassModel) else model.threshold
        self.fit_info_ = provenance.get("fit", note.get("fit", {}))
        self.n_folds_ = self.fit_info_.get("folds", 0)
        self._set_combiner(model)
        return self


def _note_of_cfe(model: _core.Model | _core.ClassModel) -> dict[str, Any]:
    """What a file of the program does not say: its classes are text, or 0 and 1."""
    if not isinstance(model, _core.ClassModel):
        return {"classes": [0, 1], "positive": 1, "names": True, "input": "proba", "scores": []}
    k = len(model.classes)
    members = [Member(name, list(range(u * k, (u + 1) * k)), "proba", np.empty(0), np.empty(0)) for u, name in enumerate(model.classifier_names)]
    columns = [f"{name}:{label}" for name in model.classifier_names for label in model.classes]
    listed = [member.as_json() for member in members]
    classes = json.loads(model.details).get("provenance", {}).get("python_classes", model.classes)
    return {"classes": classes, "names": True, "input": "proba", "members": listed, "columns": columns}


def _of_positive(X: NDArray[Any], second: bool, how: str) -> NDArray[Any]:
    """The columns of the positive class of n x (2 m)."""
    if how != "score":
        total = X[:, 0::2] + X[:, 1::2]
        wrong = np.abs(total - 1) > TOLERANCE
        if wrong.any():
            row, u = np.argwhere(wrong)[0]
            raise DataError(
                f"X[{row}, {u}] sums to {total[row, u]:.6g} over the classes; a distribution sums to 1, and NaN stands where a "
                "classifier gave none"
            )
    return X[:, int(second) :: 2]


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
