"""Pictures of a fitted model; they need matplotlib and return its axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

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


def _curves(model: Any, p: Any, of: Any) -> list[tuple[str, NDArray[np.int8], NDArray[np.float64]]]:
    """What is drawn: of two classes the combined prediction, of more each class against all others, or the class ``of``."""
    classes = _classes_of(model, p)
    if classes is None:
        if of is not None:
            raise DataError("of= names one of more than two classes")
        return [("combined", *_held_out(model, p))]
    places = list(range(len(classes))) if of is None else [k for k, label in enumerate(classes) if label == of]
    if not places:
        raise DataError(f"of={of!r} is not a class; the classes are {classes[:12]}")
    if of is None and len(places) > MOST_CURVES:
        raise DataError(f"{len(places)} classes are too many for one picture; name one with of=")
    codes, values = _held_out_classes(model, p)
    return [(str(classes[k]), (codes == k).astype(np.int8), np.ascontiguousarray(values[:, k])) for k in places]


def _classes_of(model: Any, p: Any) -> list[Any] | None:
    """The classes, where they are more than two."""
    if p is not None:
        if np.ndim(p) != 2 or np.shape(p)[1] <= 2:
            return None
        from ._labels import classes_of

        return list(classes_of(model, semi_supervised=True).classes.tolist())
    classes = getattr(model, "classes", getattr(model, "classes_", None))
    return None if classes is None or len(classes) <= 2 else list(np.asarray(classes).tolist())


def _held_out_classes(model: Any, p: Any) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Places of the labels, and probabilities (n, K)."""
    if p is not None:
        from ._labels import classes_of

        codes, p = classes_of(model, semi_supervised=True).codes, np.asarray(p, dtype=np.float64)
        return codes[codes >= 0], p[codes >= 0]
    if hasattr(model, "_model"):
        fitted = model._fitted
        if fitted is None or fitted.out_of_fold is None:
            raise DataError("this model holds no cross-validated probabilities; give labels and probabilities: (y, p)")
        codes, p = fitted.table.labels[fitted.labeled], fitted.out_of_fold
    else:
        held_out = getattr(model, "final_estimator_", model)._held_out()
        if held_out is None:
            raise DataError("this model holds no cross-validated probabilities; give labels and probabilities: (y, p)")
        codes, p = held_out
    seen = ~np.isnan(p).any(axis=1)
    return codes[seen], p[seen]


def _held_out(model: Any, p: Any) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Labels and probabilities: the cross-validated ones of a fitted model, or those given as ``(y, p)``."""
    from ._ensemble import Ensemble
    from ._tables import labels_of

    if p is not None:
        p = np.asarray(p, dtype=np.float64)
        p = p[:, 1] if p.ndim == 2 else p
        y = labels_of(model, len(p))
    elif isinstance(model, Ensemble):
        if model._fitted is None or model.oof_proba is None:
            raise DataError("this model holds no cross-validated probabilities; give labels and probabilities: (y, p)")
        table = model._fitted.table
        y, p = table.labels[table.in_train], model.oof_proba
        y = y[y >= 0]
    else:
        model = getattr(model, "final_estimator_", model)
        held_out = model._held_out()
        if held_out is None:
            raise DataError("this model holds no cross-validated probabilities; give labels and probabilities: (y, p)")
        y, p = held_out
    return y[y >= 0], p[y >= 0]


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
    ax.set_title("Whom does it trust?")
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
    ax.set_title("Whom does it trust for which class?")
    return ax


def _core_of(model: Any) -> Any:
    model = getattr(model, "final_estimator_", model)
    return model._model if hasattr(model, "_model") else model.combiner_


@shared(**SHARED)
def plot_reliability(model: Any, p: Any = None, *, of: Any = None, ax: Axes | None = None) -> Axes:
    """Share of positives by predicted probability, with 95% intervals; honest probabilities lie on the diagonal.

    Parameters
    ----------
    {model}
    p : array-like of shape (n,) or (n, K), default=None
        Probabilities.
    {of}
    {ax}
    """
    from ._ensemble import measured

    curves = _curves(model, p, of)
    ax = _axes(ax)
    top = 0.0
    for number, (name, y, values) in enumerate(curves):
        groups = measured(y, values)["reliability"]
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
def plot_precision_recall(model: Any, p: Any = None, *, of: Any = None, ax: Axes | None = None) -> Axes:
    """Precision by recall; the dotted line is the share of positives. Of more than two classes a curve for each.

    Parameters
    ----------
    {model}
    p : array-like of shape (n,) or (n, K), or dict of (n,) by name, default=None
        Probabilities.
    {of}
    {ax}
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve

    if isinstance(p, dict):
        curves = [(name, *_held_out(model, values)) for name, values in p.items()]
    else:
        curves = _curves(model, p, of)
    ax = _axes(ax)
    for name, y, values in curves:
        precision, recall, _ = precision_recall_curve(y, values)
        shown = f"{name} ({average_precision_score(y, values):.3f})"
        ax.plot(recall, precision, drawstyle="steps-post", label=shown)
    if len({y.mean() for _, y, _ in curves}) == 1:
        y = curves[0][1]
        ax.axhline(y.mean(), color=GREY, linestyle=":", linewidth=1, label=f"share of positives ({y.mean():.3f})")
    ax.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02), title="Precision and recall")
    ax.legend(frameon=False, title="average precision")
    return ax


@shared(**SHARED)
def plot_threshold(model: Any, p: Any = None, *, of: Any = None, ax: Axes | None = None) -> Axes:
    """Precision, recall and F1 by threshold, and where F1 is largest.

    Parameters
    ----------
    {model}
    p : array-like of shape (n,) or (n, K), default=None
        Probabilities.
    {of}
    {ax}
    """
    from sklearn.metrics import precision_recall_curve

    curves = _curves(model, p, of)
    if len(curves) > 1:
        raise DataError(f"a threshold belongs to one class against all others; name it with of=, one of {[c[0] for c in curves]}")
    _, y, p = curves[0]
    precision, recall, thresholds = precision_recall_curve(y, p)
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
