"""The estimator that trains classifiers and combines them."""

from __future__ import annotations

import numpy as np
import pytest
from cf_ensemble import CFEnsembleClassifier, CFEnsembleStackingClassifier, DataError, InputWarning
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GroupKFold, cross_val_predict, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks


def two() -> list:
    return [("lr", LogisticRegression()), ("nb", GaussianNB())]


#: Checks that fail by design, with the reason.
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a row of weight 2 is one row in the folds, and the same row twice may be in two folds"
    ),
}


@parametrize_with_checks(
    [CFEnsembleStackingClassifier(two())], expected_failed_checks=lambda _: EXPECTED
)
@pytest.mark.filterwarnings("ignore::cf_ensemble.InputWarning")
def test_what_scikit_learn_asks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def rare():
    return make_classification(600, 12, n_informative=5, weights=[0.9], flip_y=0.05, random_state=0)


def test_out_of_fold_predictions_are_those_of_cross_val_predict(rare):
    X, y = rare
    cv = GroupKFold(4)
    groups = np.arange(len(y)) // 2
    stack = CFEnsembleStackingClassifier(two(), cv=cv).fit(X, y, groups=groups)
    columns = [
        cross_val_predict(est, X, y, cv=cv, groups=groups, method="predict_proba")[:, 1] for _, est in two()
    ]
    alone = CFEnsembleClassifier().fit(np.column_stack(columns), y, groups=groups)
    assert np.array_equal(stack.predict_proba(X), alone.predict_proba(stack.transform(X)))
    assert stack.final_estimator_.combiner_.classifier_names == ["lr", "nb"]
    assert set(stack.weights_) == {"lr", "nb"}


def test_it_learns(rare):
    X, y = rare
    stack = CFEnsembleStackingClassifier(
        [*two(), ("forest", RandomForestClassifier(50, random_state=0)), ("svc", LinearSVC()), ("out", "drop")]
    )
    with pytest.warns(InputWarning, match="'svc' leave"):
        stack.fit(X[:400], y[:400])
    assert list(stack.get_feature_names_out()) == ["lr", "nb", "forest", "svc"]
    assert stack.named_estimators_["out"] == "drop"
    assert average_precision_score(y[400:], stack.predict_proba(X[400:])[:, 1]) > 0.5


def test_an_estimator_that_refuses_missing_values(rare):
    X, y = rare
    gaps = X.copy()
    gaps[::7, 0] = np.nan
    stack = CFEnsembleStackingClassifier(
        [("lr", LogisticRegression()), ("tree", make_pipeline(SimpleImputer(), DecisionTreeClassifier(max_depth=3)))]
    )
    with pytest.warns(InputWarning, match="'lr' was fitted without 86 rows that have missing values and gave no pred"):
        stack.fit(gaps, y)
    with pytest.warns(InputWarning, match="'lr' gave no prediction for 86 of 600 rows"):
        columns = stack.transform(gaps)
    assert np.flatnonzero(np.isnan(columns[:, 0])).tolist() == list(range(0, 600, 7))
    assert not np.isnan(columns[:, 1]).any()


class Picky(LogisticRegression):
    """Fails where the first feature is above 1.5."""

    def predict_proba(self, X):
        if (X[:, 0] > 1.5).any():
            raise ValueError("too large for me")
        return super().predict_proba(X)


def test_an_estimator_that_fails_on_some_rows(rare):
    X, y = rare
    stack = CFEnsembleStackingClassifier([("picky", Picky()), ("nb", GaussianNB())])
    with pytest.warns(InputWarning, match="'picky' gave no prediction .* too large for me"):
        stack.fit(X, y)
    with pytest.warns(InputWarning):
        columns = stack.transform(X)
    assert np.array_equal(np.isnan(columns[:, 0]), X[:, 0] > 1.5)
    assert np.isfinite(stack.predict_proba(X)).all()


def test_an_estimator_that_always_fails_is_an_error(rare):
    X, y = rare
    stack = CFEnsembleStackingClassifier(two()).fit(X, y)
    with pytest.raises(ValueError, match="features"):
        stack.predict(X[:, :3])


def test_folds_hold_the_rare_class():
    X, y = make_classification(200, weights=[0.97], flip_y=0, random_state=1)
    y[:] = 0
    y[:3] = 1  # scikit-learn's own five folds would leave two without a positive
    stack = CFEnsembleStackingClassifier(two()).fit(X, y)
    assert np.isfinite(stack.predict_proba(X)).all()
    y[1:3] = 0
    with pytest.raises(DataError, match="a single one"):
        CFEnsembleStackingClassifier(two()).fit(X, y)


def test_prefit_passthrough_and_another_combiner(rare):
    X, y = rare
    fitted = [(name, est.fit(X[:300], y[:300])) for name, est in two()]
    stack = CFEnsembleStackingClassifier(fitted, cv="prefit").fit(X[300:], y[300:])
    assert stack.estimators_[0] is fitted[0][1]
    other = CFEnsembleStackingClassifier(two(), LogisticRegression(), passthrough=True).fit(X, y)
    assert other.transform(X).shape == (600, 14)
    assert other.get_feature_names_out()[:3].tolist() == ["lr", "nb", "x0"]


def test_set_output_and_parameters(rare):
    pytest.importorskip("pandas")
    X, y = rare
    stack = CFEnsembleStackingClassifier(two()).set_output(transform="pandas")
    stack.set_params(lr__C=0.5, final_estimator=CFEnsembleClassifier(random_state=2))
    stack.fit(X, y)
    assert stack.estimators_[0].C == 0.5
    assert stack.transform(X).columns.tolist() == ["lr", "nb"]
    assert stack.predict_proba(X).shape == (600, 2)


def test_labels_weights_and_processes(rare):
    X, y = rare
    names = np.array(["no", "yes"])
    weights = np.linspace(1, 2, len(y))
    one = CFEnsembleStackingClassifier(two()).fit(X, names[y], sample_weight=weights)
    two_jobs = CFEnsembleStackingClassifier(two(), n_jobs=2).fit(X, names[y], sample_weight=weights)
    assert one.classes_.tolist() == ["no", "yes"] and set(one.predict(X)) <= {"no", "yes"}
    assert np.array_equal(one.predict_proba(X), two_jobs.predict_proba(X))
    assert cross_val_score(CFEnsembleStackingClassifier(two()), X, y, cv=3).shape == (3,)


def test_metadata_routing(rare):
    import sklearn

    X, y = rare
    with sklearn.config_context(enable_metadata_routing=True):
        lr = LogisticRegression().set_fit_request(sample_weight=True)
        stack = CFEnsembleStackingClassifier([("lr", lr), ("nb", GaussianNB().set_fit_request(sample_weight=False))])
        stack.set_fit_request(groups=True)
        weighted = stack.fit(X, y, groups=np.arange(len(y)) // 2, sample_weight=np.linspace(1, 3, len(y)))
        assert weighted.predict(X).shape == y.shape
    with pytest.raises(ValueError, match="enable_metadata_routing"):
        CFEnsembleStackingClassifier(two()).fit(X, y, color="red")


def test_a_notebook_shows_the_combiner_and_the_estimators(rare):
    stack = CFEnsembleStackingClassifier(two())
    assert "GaussianNB" in stack._repr_html_()
    shown = stack.fit(*rare)._repr_html_()
    assert "averaging" in shown and "<svg" in shown and "GaussianNB" in shown
    other = CFEnsembleStackingClassifier(two(), LogisticRegression()).fit(*rare)
    assert "averaging" not in other._repr_html_()
