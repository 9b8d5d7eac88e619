"""Pictures."""

from __future__ import annotations

import cf_ensemble
import numpy as np
import pytest
from cf_ensemble import CFEnsembleClassifier, CFEnsembleStackingClassifier, DataError
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")


@pytest.fixture(scope="module")
def models(abalone):
    names = [("lr", LogisticRegression()), ("nb", GaussianNB())]
    return [
        CFEnsembleClassifier().fit(abalone.train, abalone.y_train),
        cf_ensemble.fit(abalone.train, abalone.y_train),
        CFEnsembleStackingClassifier(names).fit(np.nan_to_num(abalone.train), abalone.y_train),
    ]


def test_every_picture_of_every_model(models):
    for model in models:
        ax = cf_ensemble.plot_weights(model, top=5)
        assert len(ax.patches) == min(5, len(ax.get_yticklabels()))
        for plot in (cf_ensemble.plot_reliability, cf_ensemble.plot_precision_recall, cf_ensemble.plot_threshold):
            ax = plot(model)
            assert ax.get_xlabel() and ax.get_ylabel() is not None and ax.lines
    matplotlib.pyplot.close("all")


def test_the_threshold_drawn_is_that_of_the_model(models):
    ax = cf_ensemble.plot_threshold(models[0])
    text = [label.get_text() for label in ax.get_legend().get_texts()][-1]
    drawn = float(text.split()[-1])
    assert drawn == pytest.approx(models[0].best_threshold_, rel=0.01)
    matplotlib.pyplot.close("all")


def test_labels_and_probabilities_can_be_given(models, abalone):
    figure, axes = matplotlib.pyplot.subplots()
    p = models[0].predict_proba(abalone.test)
    assert cf_ensemble.plot_reliability(abalone.y_test, p, ax=axes) is axes
    several = {"combined": p, "mean": np.nanmean(abalone.test, axis=1)}
    ax = cf_ensemble.plot_precision_recall(abalone.y_test, several)
    assert len(ax.lines) == 3
    with pytest.raises(DataError, match="give labels and probabilities"):
        cf_ensemble.plot_reliability(cf_ensemble.Ensemble(models[0].combiner_))
    matplotlib.pyplot.close("all")


def test_pictures_count_the_weights_of_the_rows(abalone):
    from sklearn.metrics import average_precision_score

    y, w = abalone.y_train, np.where(abalone.y_train == 1, 1.0, np.arange(len(abalone.y_train)) % 4)
    model = CFEnsembleClassifier().fit(abalone.train, y, sample_weight=w)
    p = 1 / (1 + np.exp(-model.oof_decision_function_))
    expected = f"combined ({average_precision_score(y, p, sample_weight=w):.3f})"
    assert expected != f"combined ({average_precision_score(y, p):.3f})"
    table = cf_ensemble.fit(abalone.train, y, sample_weight=w)
    drawn = [
        cf_ensemble.plot_precision_recall(model),
        cf_ensemble.plot_precision_recall(y, p, sample_weight=w),
        cf_ensemble.plot_precision_recall(table),
    ]
    shown = [ax.get_legend().get_texts()[0].get_text() for ax in drawn]
    assert shown[:2] == [expected, expected]
    held_out = average_precision_score(y[w > 0], table.oof_proba[w > 0], sample_weight=w[w > 0])
    assert shown[2] == f"combined ({held_out:.3f})"
    with pytest.raises(DataError, match="has the weights of its rows"):
        cf_ensemble.plot_reliability(model, sample_weight=w)
    matplotlib.pyplot.close("all")
