"""Pictures of a fitted model; they need matplotlib and return its axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._docs import shared
from .errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, RED, GREY, LIGHT = "#3b6fb6", "#b5523b", "#777777", "#9db7da"


SHARED = {
    "model": """model : Ensemble, CFEnsembleClassifier or CFEnsembleStackingClassifier, or array-like of shape (n,)
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
    """The weights of the classifiers, the largest at the top.

    Parameters
    ----------
    model : Ensemble, CFEnsembleClassifier or CFEnsembleStackingClassifier
        A fitted model.
    top : int, default=15
        How many are shown.
    {ax}
    """
    core = _core_of(model)
    order = np.argsort(-np.abs(core.weights), kind="stable")[:top][::-1]
    weights, names = core.weights[order], [core.classifier_names[j] for j in order]
    ax = _axes(ax)
    ax.barh(names, weights, color=[BLUE if weight >= 0 else RED for weight in weights])
    ax.axvline(0, color=GREY, linewidth=0.8)
    ax.set_xlabel("weight")
    ax.set_title("Whom does it trust?")
    return ax


def _core_of(model: Any) -> Any:
    model = getattr(model, "final_estimator_", model)
    return model._model if hasattr(model, "_model") else model.combiner_


@shared(**SHARED)
def plot_reliability(model: Any, p: Any = None, *, ax: Axes | None = None) -> Axes:
    """Share of positives by predicted probability, with 95% intervals; honest probabilities lie on the diagonal.

    Parameters
    ----------
    {model}
    p : array-like of shape (n,), default=None
        Probabilities.
    {ax}
    """
    from ._ensemble import measured

    y, p = _held_out(model, p)
    groups = measured(y, p)["reliability"]
    ax = _axes(ax)
    predicted = np.array([group["predicted"] for group in groups])
    observed = np.array([group["observed"] for group in groups])
    lower = observed - np.array([group["lower"] for group in groups])
    upper = np.array([group["upper"] for group in groups]) - observed
    top = min(1.0, float(max(predicted.max(), (observed + upper).max()))) or 1.0
    ax.plot([0, top], [0, top], color=GREY, linestyle="--", linewidth=1, label="honest")
    # Rounding may leave an end of an interval a hair inside.
    spans = np.maximum([lower, upper], 0)
    ax.errorbar(predicted, observed, yerr=spans, color=BLUE, ecolor=LIGHT, marker="o", markersize=4, label="combined")
    ax.set(xlabel="mean predicted probability", ylabel="share of positives", title="Are the probabilities honest?")
    ax.legend(frameon=False)
    return ax


@shared(**SHARED)
def plot_precision_recall(model: Any, p: Any = None, *, ax: Axes | None = None) -> Axes:
    """Precision by recall; the dotted line is the share of positives.

    Parameters
    ----------
    {model}
    p : array-like of shape (n,), or dict of them by name, default=None
        Probabilities.
    {ax}
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve

    several = p if isinstance(p, dict) else {"combined": p}
    ax = _axes(ax)
    y = None
    for name, values in several.items():
        y, values = _held_out(model, values)
        precision, recall, _ = precision_recall_curve(y, values)
        shown = f"{name} ({average_precision_score(y, values):.3f})"
        ax.plot(recall, precision, drawstyle="steps-post", label=shown)
    if y is not None:
        ax.axhline(y.mean(), color=GREY, linestyle=":", linewidth=1, label=f"share of positives ({y.mean():.3f})")
    ax.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02), title="Precision and recall")
    ax.legend(frameon=False, title="average precision")
    return ax


@shared(**SHARED)
def plot_threshold(model: Any, p: Any = None, *, ax: Axes | None = None) -> Axes:
    """Precision, recall and F1 by threshold, and where F1 is largest.

    Parameters
    ----------
    {model}
    p : array-like of shape (n,), default=None
        Probabilities.
    {ax}
    """
    from sklearn.metrics import precision_recall_curve

    y, p = _held_out(model, p)
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
