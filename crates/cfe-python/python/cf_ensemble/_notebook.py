"""What a fitted model shows in a notebook: the heart of its report, without a script or a style of the page."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

from . import _core

if TYPE_CHECKING:
    from ._class_ensemble import ClassEnsemble
    from ._classifier import CFEnsembleClassifier
    from ._ensemble import Ensemble

#: Classifiers whose weights are shown.
SHOWN = 10
#: Classes of which tables are shown.
MOST_CLASSES = 12
#: Classifiers that are named for each class.
NAMED = 3


def ensemble_html(model: Ensemble) -> str:
    """Of a model that was fitted to a table, or loaded."""
    title = f"Ensemble of {len(model.names)} classifiers"
    weights = _weights([(one["name"], one["weight"]) for one in json.loads(model._model.trust)["classifiers"]])
    if model._fitted is None:
        return _page(title, ["Loaded from a file: its scores are in the report of its fit.", weights, _cut(model.threshold)])
    part = model.parts()[0]
    return _page(title, [*_judged(part), weights, _cut(model.threshold)])


def classifier_html(model: CFEnsembleClassifier) -> str:
    """Of a fitted estimator."""
    if isinstance(model.combiner_, _core.ClassModel):
        return _classes_html(
            f"{type(model).__name__}: {len(model.classifier_names_)} classifiers, {len(model.classes_)} classes, method {model.method}",
            model._judged(),
            model.classes_.tolist(),
            model.combiner_,
        )
    names = model.combiner_.classifier_names
    weights = _weights(sorted(zip(names, model.coef_[0], strict=True), key=lambda pair: -abs(pair[1])))
    part = model._judged()
    told = [] if part is None else _judged(part)
    title = f"{type(model).__name__}: {len(names)} classifiers, method {model.method}"
    return _page(title, [*told, weights, _cut(model.best_threshold_)])


def class_ensemble_html(model: ClassEnsemble) -> str:
    """Of a model of several classes that was fitted to a table, or loaded."""
    part = None if model._fitted is None else model.parts()[0]
    title = f"ClassEnsemble of {len(model.names)} classifiers and {len(model.classes)} classes"
    return _classes_html(title, part, model.classes.tolist(), model._model)


def _classes_html(title: str, part: dict[str, Any] | None, classes: list[Any], core: _core.ClassModel) -> str:
    blocks = []
    if part is None:
        blocks.append("Loaded from a file: its scores are in the report of its fit.")
    else:
        ours, *others = part["methods"]
        vote = next((other for other in others if other["name"] == "soft_voting"), None)
        own, intervals = ours["metrics"], ours.get("intervals", {})
        told = _interval(own["log_loss"], intervals.get("log_loss"))
        blocks.append(f"Log loss {told} on {part['rows']} cross-validated rows.")
        if vote is not None:
            blocks.append(_beside_vote(own["log_loss"], vote))
        scores = [("macro AP", "macro_average_precision"), ("balanced accuracy", "balanced_accuracy"), ("ECE", "top_label_ece")]
        known = [(name, key) for name, key in scores if own[key] is not None]
        blocks.append(", ".join(f"{name} {_interval(own[key], intervals.get(key))}" for name, key in known))
        if len(classes) <= MOST_CLASSES:
            blocks.append(_confusion(classes, own))
    blocks.append(_trusted(classes, json.loads(core.trust)))
    return _page(title, blocks)


def _beside_vote(own: float, vote: dict[str, Any]) -> str:
    """Whether the log loss is smaller than that of soft voting, and whether that may be chance."""
    other = vote["metrics"]["log_loss"]
    gain = vote.get("combined_is_better_by", {}).get("log_loss")
    sure = gain is None or gain["lower"] > 0
    word = "Not better" if own >= other else "Better" if sure else "Perhaps better"
    saved = "" if gain is None else f": it saves {_signed_interval(gain)}"
    return f"<strong>{word} than soft voting</strong>, which has {other:.4f}{saved}."


def _confusion(classes: list[Any], metrics: dict[str, Any]) -> str:
    head = "".join(f"<th>{escape(str(label))}</th>" for label in classes)
    rows = []
    for label, counts, of in zip(classes, metrics["confusion"]["counts"], metrics["per_class"], strict=True):
        cells = "".join(f"<td>{count:g}</td>" if count else "<td>.</td>" for count in counts)
        ap = "" if of["average_precision"] is None else f"{of['average_precision']:.3f}"
        rows.append(f"<tr><th style='text-align:left'>{escape(str(label))}</th>{cells}<td>{of['recall']:.2f}</td><td>{ap}</td></tr>")
    return f"<table><tr><th style='text-align:left'>true, decided for</th>{head}<th>recall</th><th>AP</th></tr>{''.join(rows)}</table>"


def _trusted(classes: list[Any], trust: list[dict[str, Any]]) -> str:
    """The most trusted classifiers for each class, and those without which it loses most, where that is known."""
    rows, is_known = [], False
    for label, of in zip(classes[:MOST_CLASSES], trust, strict=False):
        found = [] if of["trust"] is None else of["trust"]["classifiers"]
        words = ", ".join(f"{escape(one['name'])} {one['weight']:+.2f}" for one in found[:NAMED])
        lost = [(one["name"], one["average_precision_lost"]) for one in found if one["average_precision_lost"]]
        is_known |= bool(lost)
        lost.sort(key=lambda pair: -pair[1]["estimate"])
        # What chance explains has no star.
        missed = ", ".join(f"{escape(name)} {own['estimate']:+.3f}{'*' * (own['lower'] > 0)}" for name, own in lost[:NAMED])
        rows.append([escape(str(label)), words or "equal weights: too few rows to learn from", missed])
    head = ["class", "most trusted (weight)", "most missed (average precision lost; * above 0)"]
    left = "style='text-align:left'"
    shown = 3 if is_known else 2
    titles = "".join(f"<th {left}>{title}</th>" for title in head[:shown])
    cells = ["".join(f"<td {left}>{cell}</td>" for cell in row[:shown]) for row in rows]
    return f"<table><tr>{titles}</tr>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def _page(title: str, blocks: list[str]) -> str:
    body = "".join(f"<div style='margin:.4em 0'>{block}</div>" for block in blocks if block)
    return f"<div style='max-width:46em'><strong>{escape(title)}</strong>{body}</div>"


def _judged(part: dict[str, Any]) -> list[str]:
    combined, *others = part["methods"]
    how = "cross-validated" if part["cross_validated"] else "cross-validated rows"
    rows = f"{part['rows']} {how} rows, {part['positives']} positive".replace("rows rows", "rows")
    blocks = [f"Average precision {_interval(combined['average_precision'], combined['average_precision_interval'])} on {rows}."]
    chances = part.get("chances")
    if chances is not None and chances["over_mean"] < 0.5:
        blocks.insert(0, f"<strong>Averaging would do</strong>: better on other rows with probability {chances['over_mean']:.0%}.")
    mean = next((other for other in others if other["name"] == "mean"), None)
    if mean is not None and mean["combined_is_better_by"]:
        gain = mean["combined_is_better_by"]
        low, high = gain["lower"], gain["upper"]
        verdict = "Better than averaging" if low > 0 else "Worse than averaging" if high < 0 else "Not told apart from averaging"
        blocks.append(f"<strong>{verdict}</strong>: {_signed_interval(gain)}.")
    scores = [("log loss", combined["log_loss"]), ("Brier", combined["brier"]), ("ECE", combined["ece"])]
    blocks.append(", ".join(f"{name} {value:.4f}" for name, value in scores if value is not None))
    blocks.append(_reliability(part["reliability"]))
    return blocks


def _interval(estimate: float, interval: dict[str, float] | None) -> str:
    if not interval:
        return f"{estimate:.4f}"
    return f"{estimate:.4f} (95% {interval['lower']:.4f} to {interval['upper']:.4f})"


def _signed_interval(gain: dict[str, float]) -> str:
    return f"{gain['estimate']:+.4f} (95% {gain['lower']:+.4f} to {gain['upper']:+.4f})"


def _weights(pairs: list[tuple[str, float]]) -> str:
    most = max((abs(weight) for _, weight in pairs), default=0) or 1
    rows = []
    for name, weight in pairs[:SHOWN]:
        color = "#3b6fb6" if weight >= 0 else "#b5523b"
        bar = f"<div style='background:{color};height:.7em;width:{100 * abs(weight) / most:.1f}%'></div>"
        rows.append(
            f"<tr><td style='text-align:left'>{escape(name)}</td><td>{weight:+.3f}</td>"
            f"<td style='width:14em'>{bar}</td></tr>"
        )
    more = f"<caption style='caption-side:bottom'>and {len(pairs) - SHOWN} more</caption>" if len(pairs) > SHOWN else ""
    return f"<table>{more}<tr><th style='text-align:left'>classifier</th><th>weight</th><th></th></tr>{''.join(rows)}</table>"


def _cut(threshold: float | None) -> str:
    if threshold is None:
        return "No threshold: a class has a single row, so none could be chosen on held-out rows."
    return f"Best threshold on cross-validated rows: {threshold:.4g}."


def _reliability(groups: list[dict[str, float]]) -> str:
    """Share of positives by predicted probability, with 95% intervals; honest probabilities lie on the diagonal."""
    if not groups:
        return ""
    top = min(1.0, max(max(group["predicted"], group["upper"]) for group in groups)) or 1.0
    size, pad = 180, 30

    def at(x: float, y: float) -> str:
        return f"{pad + x / top * size:.1f},{pad / 2 + (1 - y / top) * size:.1f}"

    lines = [f"<polyline points='{at(0, 0)} {at(top, top)}' stroke='#999' stroke-dasharray='4' fill='none'/>"]
    for group in groups:
        x = group["predicted"]
        lines.append(f"<polyline points='{at(x, group['lower'])} {at(x, group['upper'])}' stroke='#9db7da' fill='none'/>")
    path = " ".join(at(group["predicted"], group["observed"]) for group in groups)
    lines.append(f"<polyline points='{path}' stroke='#3b6fb6' stroke-width='2' fill='none'/>")
    frame = f"<rect x='{pad}' y='{pad / 2}' width='{size}' height='{size}' fill='none' stroke='#ccc'/>"
    text = (
        f"<text x='{pad + size / 2}' y='{size + pad}' text-anchor='middle'>predicted probability, 0 to {top:.2g}</text>"
        f"<text x='{pad / 2}' y='{pad / 2 + size / 2}' text-anchor='middle' "
        f"transform='rotate(-90 {pad / 2} {pad / 2 + size / 2})'>share of positives</text>"
    )
    return (
        f"<svg width='{size + 2 * pad}' height='{size + 1.4 * pad:.0f}' font-size='11' fill='currentColor' role='img' "
        f"aria-label='reliability'>{frame}{''.join(lines)}{text}</svg>"
    )
