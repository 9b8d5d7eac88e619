"""What scikit-learn asks of an estimator, and what its tools do with one."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from cf_ensemble import CFEnsembleClassifier, DataError
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    TimeSeriesSplit,
    TunedThresholdClassifierCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

#: Checks that fail by design, with the reason.
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a row of weight 2 is one row in the folds, and the same row twice may be in two folds"
    ),
}


@parametrize_with_checks([CFEnsembleClassifier()], expected_failed_checks=lambda _: EXPECTED)
@pytest.mark.filterwarnings("ignore::cf_ensemble.InputWarning")
def test_what_scikit_learn_asks(estimator, check):
    check(estimator)


def test_clone_and_search(small):
    P, y = small
    model = clone(CFEnsembleClassifier(settings={"latent_dim": 2}, random_state=1))
    assert model.get_params()["settings"] == {"latent_dim": 2}
    search = GridSearchCV(model, {"settings": [{"latent_dim": 1}, {"latent_dim": 2}]}, cv=2, scoring="average_precision")
    assert search.fit(P, y).best_score_ > 0.5
    assert cross_val_score(model, P, y, cv=3, scoring="neg_log_loss").shape == (3,)


def test_tuned_threshold(small):
    P, y = small
    tuned = TunedThresholdClassifierCV(CFEnsembleClassifier(), scoring="f1", cv=3).fit(P, y)
    assert tuned.predict(P).sum() > 0


def test_pipeline_and_names(small):
    P, y = small
    pipeline = make_pipeline(FunctionTransformer(), CFEnsembleClassifier())
    assert pipeline.fit(P, y).predict_proba(P).shape == (len(y), 2)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_names_of_data_frames(library, small):
    frames = pytest.importorskip(library)
    P, y = small
    names = [f"model_{j}" for j in range(P.shape[1])]
    frame = frames.DataFrame(dict(zip(names, P.T, strict=True)))
    model = CFEnsembleClassifier().fit(frame, y)
    assert model.feature_names_in_.tolist() == names
    assert model.combiner_.classifier_names == names
    assert np.array_equal(model.predict_proba(frame), CFEnsembleClassifier().fit(P, y).predict_proba(P))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[names[::-1]])


def test_any_two_labels(small):
    P, y = small
    expected = CFEnsembleClassifier().fit(P, y).predict_proba(P)
    for labels in (["no", "yes"], [-1, 1], [False, True], [3.0, 4.0]):
        model = CFEnsembleClassifier().fit(P, np.array(labels)[y])
        assert model.classes_.tolist() == labels
        assert np.array_equal(model.predict_proba(P), expected)
        assert set(model.predict(P)) <= set(labels)


def test_the_positive_class_can_be_turned_round(small):
    P, y = small
    names = np.array(["sick", "healthy"])  # the columns speak of "sick", which is classes_[1]
    usual = CFEnsembleClassifier().fit(P, names[1 - y])
    turned = CFEnsembleClassifier(pos_label="healthy").fit(1 - P, names[1 - y])
    assert usual.classes_.tolist() == turned.classes_.tolist() == ["healthy", "sick"]
    # P of the positive class is P of "healthy" now, and rows add up to 1 in the order of classes_.
    assert np.corrcoef(usual.predict_proba(P)[:, 1], turned.predict_proba(1 - P)[:, 1])[0, 1] > 0.99
    decision = turned.decision_function(1 - P)
    assert np.array_equal(decision > 0, turned.predict(1 - P) == "sick")
    assert np.array_equal(np.sign(turned.oof_decision_function_) > 0, turned.oof_decision_function_ > 0)
    with pytest.raises(DataError, match="is not a class of y"):
        CFEnsembleClassifier(pos_label="ill").fit(P, names[1 - y])


def test_pickle_gives_the_same_bits(small):
    P, y = small
    model = CFEnsembleClassifier().fit(P, y)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(P), model.predict_proba(P))
    assert again.best_threshold_ == model.best_threshold_


def test_groups_stay_together_and_folds_can_be_given(small):
    P, y = small
    groups = np.arange(len(y)) // 3
    drawn = CFEnsembleClassifier(random_state=3).fit(P, y, groups=groups)
    given = CFEnsembleClassifier(cv=GroupKFold(5)).fit(P, y, groups=groups)
    assert drawn.n_folds_ == given.n_folds_ == 5
    splits = list(GroupKFold(5).split(P, y, groups))
    listed = CFEnsembleClassifier(cv=splits).fit(P, y)
    assert np.array_equal(listed.oof_decision_function_, given.oof_decision_function_)
    assert CFEnsembleClassifier(cv=3).fit(P, y).n_folds_ == 3
    with pytest.raises(DataError, match="never tests row 0"):
        CFEnsembleClassifier(cv=TimeSeriesSplit(3)).fit(P, y)
    with pytest.raises(DataError, match="groups has 2 entries"):
        CFEnsembleClassifier().fit(P, y, groups=[0, 1])


def test_metadata_routing(small):
    import sklearn

    P, y = small
    with sklearn.config_context(enable_metadata_routing=True):
        model = CFEnsembleClassifier().set_fit_request(sample_weight=True, groups=True)
        model.set_score_request(sample_weight=True)
        weights = np.linspace(1, 2, len(y))
        scores = cross_val_score(
            model, P, y, cv=2, params={"sample_weight": weights, "groups": np.arange(len(y)) // 2}
        )
        assert scores.shape == (2,)


def test_in_scikit_learns_own_stacking():
    from sklearn.datasets import make_classification
    from sklearn.ensemble import StackingClassifier
    from sklearn.svm import LinearSVC

    X, y = make_classification(400, weights=[0.85], random_state=0)
    stack = StackingClassifier(
        [("lr", LogisticRegression()), ("svc", LinearSVC())], CFEnsembleClassifier(input="auto")
    )
    with pytest.warns(UserWarning, match="clf_1"):
        stack.fit(X, y)
    assert stack.score(X, y) > 0.8
