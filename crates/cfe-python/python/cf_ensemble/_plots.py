"""Pictures of a fitted model; they need matplotlib and return its axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._docs import shared
from .errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Classes that one picture has curves of.
MOST_CURVES = 10

BLUE, RED, GREY, LIGHT = "#3b6fb6", "#b5523b", "#777777", "#9db7da"


SHARED = {
    "of": """of : label, default=None
    Of more than two classes, the class that is drawn against all others; None draws each.""",
    "model": """model : a fitted model of this package, or array-like of shape (n,)
    A fitted model, whose cross-validated rows are drawn; or labels, with their probabilities in ``p``.""",
    "sample_weight": """sample_weight : array-like of shape (n,), default=None
    How much each row of labels and probabilities counts; a fitted model has the weights of its rows.""",
    "ax": """ax : matplotlib axes, default=None
    Where to draw; None makes a figure.

Returns
-------
matplotlib.axes.Axes
    What was drawn on.""",
}


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install matplotlib") from error
    return plt.subplots(figsize=(5, 4), layout="constrained")[1]


class _Held(NamedTuple):
    """Rows that are drawn: labels, probabilities (n,) or (n, K), and how much each row counts."""

    y: NDArray[Any]
    p: NDArray[np.float64]
    weights: NDArray[np.float64] | None

    def only(self, seen: NDArray[np.bool_]) -> _Held:
        return _Held(self.y[seen], self.p[seen], None if self.weights is None else self.weights[seen])

    def of_class(self, k: int) -> _Held:
        """Class k against all others."""
        return _Held((self.y == k).astype(np.int8), np.ascontiguousarray(self.p[:, k]), self.weights)

    def share(self) -> float:
        """The share of positives."""
        return float(np.average(self.y, weights=self.weights))


def _curves(model: Any, p: Any, of: Any, sample_weight: Any) -> list[tuple[str, _Held]]:
    """What is drawn: of two classes the combined prediction, of more each class against all others, or the class ``of``."""
    if p is None and sample_weight is not None:
        raise DataError("sample_weight= belongs to labels and probabilities; a fitted model has the weights of its rows")
    classes = _classes_of(model, p)
    if classes is None:
        if of is not None:
            raise DataError("of= names one of more than two classes")
        return [("combined", _held_out(model) if p is None else _given(model, p, sample_weight))]
    places = list(range(len(classes))) if of is None else [k for k, label in enumerate(classes) if label == of]
    if not places:
        raise DataError(f"of={of!r} is not a class; the classes are {classes[:12]}")
    if of is None and len(places) > MOST_CURVES:
        raise DataError(f"{len(places)} classes are too many for one picture; name one with of=")
    held = _held_out(model) if p is None else _given_classes(model, p, sample_weight)
    return [(str(classes[k]), held.of_class(k)) for k in places]


def _classes_of(model: Any, p: Any) -> list[Any] | None:
    """The classes, where they are more than two."""
    if p is not None:
        if np.ndim(p) != 2 or np.shape(p)[1] <= 2:
            return None
        from ._labels import classes_of

        return list(classes_of(model, semi_supervised=True).classes.tolist())
    classes = getattr(model, "classes", getattr(model, "classes_", None))
    return None if classes is None or len(classes) <= 2 else list(np.asarray(classes).tolist())


def _given(y: Any, p: Any, sample_weight: Any) -> _Held:
    """Labels and probabilities of two classes; rows without a label are left out."""
    from ._ensemble import weights_of_rows
    from ._tables import labels_of

    p = np.asarray(p, dtype=np.float64)
    p = p[:, 1] if p.ndim == 2 else p
    labels = labels_of(y, len(p))
    seen = labels >= 0
    return _Held(labels[seen], p[seen], weights_of_rows(sample_weight, seen))


def _given_classes(y: Any, p: Any, sample_weight: Any) -> _Held:
    """Places of the labels, and probabilities (n, K); rows without a label are left out."""
    from ._ensemble import weights_of_rows
    from ._labels import classes_of

    codes = classes_of(y, semi_supervised=True).codes
    seen = codes >= 0
    return _Held(codes[seen], np.asarray(p, dtype=np.float64)[seen], weights_of_rows(sample_weight, seen))


def _held_out(model: Any) -> _Held:
    """The cross-validated rows of a fitted model."""
    found = model._held_out() if hasattr(model, "_model") else getattr(model, "final_estimator_", model)._held_out()
    if found is None:
        raise DataError("this model holds no cross-validated probabilities; give labels and probabilities: (y, p)")
    held = _Held(*found)
    seen = np.isfinite(held.p.reshape(len(held.p), -1)).all(axis=1)
    return held.only(np.asarray(seen, dtype=np.bool_))


@shared(**SHARED)
def plot_weights(model: Any, *, top: int = 15, ax: Axes | None = None) -> Axes:
    """The weights of the classifiers, the largest at the top; of more than two classes a map of classifiers and classes.

    Parameters
    ----------
    model : Ensemble, ClassEnsemble, CFEnsembleClassifier or CFEnsembleStackingClassifier
        A fitted model.
    top : int, default=15
        How many are shown.
    {ax}
    """
    core = _core_of(model)
    if core.weights.ndim == 2:
        return _weight_map(core, _classes_of(model, None) or core.classes, top, _axes(ax))
    order = np.argsort(-np.abs(core.weights), kind="stable")[:top][::-1]
    weights, names = core.weights[order], [core.classifier_names[j] for j in order]
    ax = _axes(ax)
    ax.barh(names, weights, color=[BLUE if weight >= 0 else RED for weight in weights])
    ax.axvline(0, color=GREY, linewidth=0.8)
    ax.set_xlabel("weight")
    ax.set_title("Which classifiers does it trust?")
    return ax


def _weight_map(core: Any, classes: list[Any], top: int, ax: Axes) -> Axes:
    weights = core.weights
    order = np.argsort(-np.nanmax(np.abs(np.nan_to_num(weights)), axis=0), kind="stable")[:top]
    shown = weights[:, order].T
    most = float(np.nanmax(np.abs(shown))) if np.isfinite(shown).any() else 1.0
    ax.imshow(shown, cmap="RdBu", vmin=-(most or 1.0), vmax=most or 1.0, aspect="auto")
    ax.set_xticks(range(len(classes)), [str(label) for label in classes], rotation=45 if len(classes) > 4 else 0)
    ax.set_yticks(range(len(order)), [core.classifier_names[j] for j in order])
    for (row, column), weight in np.ndenumerate(shown):
        text = "" if np.isnan(weight) else f"{weight:+.2f}"
        ax.text(column, row, text, ha="center", va="center", color="white" if abs(weight) > 0.6 * most else "black")
    ax.set_title("Which classifiers does it trust for each class?")
    return ax


def _core_of(model: Any) -> Any:
    model = getattr(model, "final_estimator_", model)
    return model._model if hasattr(model, "_model") else model.combiner_


@shared(**SHARED)
def plot_reliability(
    model: Any, p: Any = None, *, of: Any = None, sample_weight: ArrayLike | None = None, ax: Axes | None = None
) -> Axes:
    """Share of positives by predicted probability, with 95% intervals; honest probabilities lie on the diagonal.

    Parameters
    ----------
    {model}
    p : array-like of shape (n,) or (n, K), default=None
        Probabilities.
    {of}
    {sample_weight}
    {ax}
    """
    from ._ensemble import measured

    curves = _curves(model, p, of, sample_weight)
    ax = _axes(ax)
    top = 0.0
    for number, (name, held) in enumerate(curves):
        groups = measured(held.y, held.p, sample_weight=held.weights)["reliability"]
        predicted = np.array([group["predicted"] for group in groups])
        observed = np.array([group["observed"] for group in groups])
        lower = observed - np.array([group["lower"] for group in groups])
        upper = np.array([group["upper"] for group in groups]) - observed
        top = max(top, min(1.0, float(max(predicted.max(), (observed + upper).max()))))
        # Rounding may leave an end of an interval a hair inside.
        spans = np.maximum([lower, upper], 0)
        lone = {"color": BLUE, "ecolor": LIGHT} if len(curves) == 1 else {"color": f"C{number}", "elinewidth": 0.6}
        ax.errorbar(predicted, observed, yerr=spans, marker="o", markersize=4, label=name, **lone)
    top = top or 1.0
    ax.plot([0, top], [0, top], color=GREY, linestyle="--", linewidth=1, label="honest")
    ax.set(xlabel="mean predicted probability", ylabel="share of positives", title="Are the probabilities honest?")
    ax.legend(frameon=False)
    return ax


@shared(**SHARED)
def plot_precision_recall(
    model: Any, p: Any = None, *, of: Any = None, sample_weight: ArrayLike | None = None, ax: Axes | None = None
) -> Axes:
    """Precision by recall; the dotted line is the share of positives. Of more than two classes a curve for each.

    Parameters
    ----------
    {model}
    p : array-like of shape (n,) or (n, K), or dict of (n,) by name, default=None
        Probabilities.
    {of}
    {sample_weight}
    {ax}
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve

    if isinstance(p, dict):
        curves = [(name, _given(model, values, sample_weight)) for name, values in p.items()]
    else:
        curves = _curves(model, p, of, sample_weight)
    ax = _axes(ax)
    for name, (y, values, weights) in curves:
        precision, recall, _ = precision_recall_curve(y, values, sample_weight=weights)
        shown = f"{name} ({average_precision_score(y, values, sample_weight=weights):.3f})"
        ax.plot(recall, precision, drawstyle="steps-post", label=shown)
    shares = {held.share() for _, held in curves}
    if len(shares) == 1:
        share = shares.pop()
        ax.axhline(share, color=GREY, linestyle=":", linewidth=1, label=f"share of positives ({share:.3f})")
    ax.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02), title="Precision and recall")
    ax.legend(frameon=False, title="average precision")
    return ax


@shared(**SHARED)
def plot_threshold(
    model: Any, p: Any = None, *, of: Any = None, sample_weight: ArrayLike | None = None, ax: Axes | None = None
) -> Axes:
    """Precision, recall and F1 by threshold, and where F1 is largest.

    Parameters
    ----------
    {model}
    p : array-like of shape (n,) or (n, K), default=None
        Probabilities.
    {of}
    {sample_weight}
    {ax}
    """
    from sklearn.metrics import precision_recall_curve

    curves = _curves(model, p, of, sample_weight)
    if len(curves) > 1:
        raise DataError(f"a threshold belongs to one class against all others; name it with of=, one of {[c[0] for c in curves]}")
    y, p, weights = curves[0][1]
    precision, recall, thresholds = precision_recall_curve(y, p, sample_weight=weights)
    precision, recall = precision[:-1], recall[:-1]
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
    ax = _axes(ax)
    ax.plot(thresholds, precision, color=GREY, label="precision")
    ax.plot(thresholds, recall, color=LIGHT, label="recall")
    ax.plot(thresholds, f1, color=BLUE, linewidth=2, label="F1")
    best = thresholds[f1.argmax()]
    ax.axvline(best, color=RED, linestyle="--", linewidth=1, label=f"largest F1 at {best:.3g}")
    ax.set(xlabel="threshold", ylim=(0, 1.02), title="Where to cut?")
    ax.legend(frameon=False)
    return ax
