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
