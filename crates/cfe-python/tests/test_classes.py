"""More than two classes."""

from __future__ import annotations

import pickle
import warnings

import cf_ensemble
import numpy as np
import pytest
from cf_ensemble import CFEnsembleClassifier, CFEnsembleStackingClassifier, DataError, InputWarning, SettingsError
from samples import ROOT
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    confusion_matrix,
    f1_score,
    log_loss,
    matthews_corrcoef,
    roc_auc_score,
)
from sklearn.model_selection import PredefinedSplit, TimeSeriesSplit, cross_val_predict, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

pandas = pytest.importorskip("pandas")

CLASSES = np.array(["bus", "car", "van"])
VEHICLE = ROOT / "crates" / "cfe-compare" / "data" / "classes" / "development" / "vehicle" / "seed0.csv.gz"


def see(y, m, *, seed=1):
    """The probabilities (n, m, K) of m classifiers that see the classes through noise."""
    rng = np.random.default_rng(seed)
    of_class = y[:, None] == np.unique(y)
    e = np.exp(1.5 * of_class[:, None, :] + rng.normal(size=(len(y), m, of_class.shape[1])))
    return e / e.sum(axis=2, keepdims=True)


@pytest.fixture(scope="module")
def three():
    y = np.random.default_rng(0).choice(CLASSES, 240, p=[0.15, 0.6, 0.25])
    return see(y, 3), y


@pytest.fixture(scope="module")
def model(three):
    return CFEnsembleClassifier().fit(*three)


def named(P, names=("lr", "nb", "svm"), classes=CLASSES):
    columns = [f"{name}:{label}" for name in names for label in classes]
    return pandas.DataFrame(P.reshape(len(P), -1), columns=columns)


def test_every_shape_gives_the_same(three, model):
    P, y = three
    expected = model.predict_proba(P)
    assert np.allclose(expected.sum(axis=1), 1) and model.coef_.shape == (3, 3)
    assert model.classes_.tolist() == CLASSES.tolist() and model.n_features_in_ == 9
    for X in (P.reshape(240, 9), np.asfortranarray(P.reshape(240, 9)), P.transpose(1, 0, 2)):
        assert np.array_equal(CFEnsembleClassifier().fit(X, y).predict_proba(X), expected)
    frame = named(P)
    turned = frame[frame.columns[::-1]]
    for X in (frame, turned):
        by_name = CFEnsembleClassifier().fit(X, y)
        assert sorted(by_name.classifier_names_) == ["lr", "nb", "svm"]
        assert np.allclose(by_name.predict_proba(X), expected, atol=1e-12)
    with pytest.raises(DataError, match="last axis is for 3 classes"):
        CFEnsembleClassifier().fit(P[:, :, :2], y)
    with pytest.raises(DataError, match="8 columns and y 3 classes"):
        CFEnsembleClassifier(input="proba").fit(P.reshape(240, 9)[:, :8], y)


def test_answers_agree_with_one_another(three, model):
    P, y = three
    p = model.predict_proba(P)
    decision = model.decision_function(P)
    assert np.allclose(decision, np.log(p / (1 - p)), atol=1e-9)
    assert np.array_equal(model.predict(P), CLASSES[p.argmax(axis=1)])
    assert model.oof_decision_function_.shape == (240, 3) and np.isfinite(model.oof_decision_function_).all()
    assert balanced_accuracy_score(y, CLASSES[model.oof_decision_function_.argmax(axis=1)]) > 0.6
    parts = model.explain(P)
    assert parts.shape == (240, 3, 3)
    gone = P.copy()
    gone[0, 1] = np.nan
    assert model.n_observed(gone)[:2].tolist() == [2, 3]
    assert np.array_equal(model.predict_proba(gone[1:]), p[1:])
    # A row without any prediction has about the shares of the classes, alone as among others.
    nothing = model.predict_proba(np.full((1, 3, 3), np.nan))
    gone[0] = np.nan
    assert np.array_equal(model.predict_proba(gone)[0], nothing[0])


def test_labels_of_any_type(three, model):
    P, y = three
    expected = model.predict_proba(P)
    for labels in ([3, 5, 9], [0.0, 1.0, 3.0], [-1, 0, 1]):
        other = CFEnsembleClassifier().fit(P, np.array(labels)[np.searchsorted(CLASSES, y)])
        assert other.classes_.tolist() == labels and set(other.predict(P)) <= set(labels)
        assert np.array_equal(other.predict_proba(P), expected)


def test_files_and_pickles_keep_the_bits(three, model, tmp_path):
    P, _ = three
    file = tmp_path / "m.safetensors"
    model.save(file)
    expected, decided = model.predict_proba(P), model.predict(P)
    for again in (CFEnsembleClassifier.load(file), pickle.loads(pickle.dumps(model))):
        assert np.array_equal(again.predict_proba(P), expected) and np.array_equal(again.predict(P), decided)
    ensemble = cf_ensemble.load(file)
    assert np.array_equal(ensemble.predict_proba(P), expected) and np.array_equal(ensemble.predict(P), decided)
    assert np.array_equal(pickle.loads(pickle.dumps(ensemble)).predict(P), decided)
    with pytest.raises(DataError, match="of the classes bus, car, van"):
        ensemble.predict(pandas.DataFrame({"lr": P[:, 0, 0], "nb": P[:, 1, 0]}))


def test_weights_count(three):
    P, y = three
    weights = np.where(y == "bus", 5.0, 1.0)
    weighted = CFEnsembleClassifier().fit(P, y, sample_weight=weights)
    plain = CFEnsembleClassifier().fit(P, y)
    assert weighted.predict_proba(P)[:, 0].mean() > plain.predict_proba(P)[:, 0].mean() + 0.02
    by_table = cf_ensemble.fit(P, y, sample_weight=weights)
    assert np.array_equal(by_table.predict_proba(P), weighted.predict_proba(P))


def by_scikit_learn(y, p, weights):
    """The figures of probabilities of ``CLASSES``, by the columns that evaluate has."""
    own, decided = y[:, None] == CLASSES, CLASSES[p.argmax(axis=1)]
    how = {"sample_weight": weights}
    return {
        "log_loss": log_loss(y, p, labels=CLASSES, **how),
        "brier": brier_score_loss(y, p, labels=CLASSES, **how),
        "macro_average_precision": average_precision_score(own, p, average="macro", **how),
        "macro_roc_auc": roc_auc_score(own, p, average="macro", **how),
        "accuracy": accuracy_score(y, decided, **how),
        "balanced_accuracy": balanced_accuracy_score(y, decided, **how),
        "macro_f1": f1_score(y, decided, average="macro", **how),
        "mcc": matthews_corrcoef(y, decided, **how),
    }


def test_weights_count_in_every_figure(three, model):
    P, y = three
    new = np.random.default_rng(5).choice(CLASSES, 150, p=[0.2, 0.5, 0.3])
    fresh = see(new, 3, seed=8)
    weights = np.random.default_rng(6).gamma(1.0, size=150)
    weights[::7] = 0
    p = model.predict_proba(fresh)
    ensemble, frame = cf_ensemble.fit(named(P), y), named(fresh)
    q = ensemble.predict_proba(frame)
    vote = fresh.mean(axis=1)
    for found, expected in (
        (cf_ensemble.evaluate(new, p, sample_weight=weights), p),
        (cf_ensemble.evaluate(new, {"combined": p, "vote": vote}, sample_weight=weights.tolist()), p),
        (cf_ensemble.evaluate(model, fresh, new, sample_weight=weights), p),
        (cf_ensemble.evaluate(ensemble, fresh, new, sample_weight=weights), q),
        (cf_ensemble.evaluate(ensemble, frame, new, sample_weight=weights), q),
        (cf_ensemble.evaluate(ensemble, frame.assign(label=new, w=weights), weight="w"), q),
    ):
        for number, values in enumerate([expected, vote][: len(found)]):
            for column, value in by_scikit_learn(new, values, weights).items():
                assert found[column][number] == pytest.approx(value, rel=1e-12, abs=1e-12), column
        assert found["rows"][0] == (weights > 0).sum()
    # A weight of 2 is the row twice.
    twice = cf_ensemble.evaluate(new, p, sample_weight=1 + (new == "van"))
    rows = np.concatenate([np.arange(150), np.flatnonzero(new == "van")])
    repeated = cf_ensemble.evaluate(new[rows], p[rows])
    for column in ("log_loss", "brier", "macro_average_precision", "macro_f1", "mcc", "ece"):
        assert twice[column][0] == pytest.approx(repeated[column][0], rel=1e-12)
    for given, message in ((weights[:-1], "has the shape"), (-weights, "weight"), (0 * weights, "nothing|weigh|score")):
        for who in ((new, p), (model, fresh, new), (ensemble, fresh, new)):
            with pytest.raises(DataError, match=message):
                cf_ensemble.evaluate(*who, sample_weight=given)
    # The cross-validated figures that an estimator shows count them too.
    own = np.where(y == "bus", 5.0, 1.0)
    weighted = CFEnsembleClassifier().fit(P, y, sample_weight=own)
    held_out = 1 / (1 + np.exp(-weighted.oof_decision_function_))
    assert weighted._judged()["methods"][0]["metrics"]["log_loss"] == pytest.approx(log_loss(y, held_out, sample_weight=own))


def test_decisions(three):
    P, y = three
    costs = np.array([[0, 50, 50], [1, 0, 1], [1, 1, 0]])
    dear = CFEnsembleClassifier(decision=costs).fit(P, y)
    p = dear.predict_proba(P)
    assert np.array_equal(dear.predict(P), CLASSES[(p @ costs).argmin(axis=1)])
    assert dear.decision_ == {"costs": costs.tolist()}
    weighted = CFEnsembleClassifier(decision="macro_f1").fit(P, y)
    assert np.array_equal(weighted.predict(P), CLASSES[(p * weighted.decision_["weights"]).argmax(axis=1)])
    with pytest.raises(SettingsError, match="shape"):
        CFEnsembleClassifier(decision=[[0, 1], [1, 0]]).fit(P, y)
    with pytest.raises(SettingsError, match="more than two classes"):
        CFEnsembleClassifier(decision="macro_f1").fit(P[:, :, 0], y == "bus")


def test_columns_that_belong_to_no_class(three):
    P, y = three
    rng = np.random.default_rng(3)
    length = np.array([8.0, 4.0, 6.0])[np.searchsorted(CLASSES, y)] + rng.normal(size=len(y))
    frame = named(P).assign(length=length)
    with pytest.warns(InputWarning, match="'length' are not probabilities"):
        both = CFEnsembleClassifier().fit(frame, y)
    assert both.classifier_names_ == ["lr", "nb", "svm", "length"]
    # Its shares of the classes follow the class with that length.
    shares = both._members[-1].shares
    assert np.allclose(shares.sum(axis=1), 1) and shares[0].argmax() == 1 and shares[-1].argmax() == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CFEnsembleClassifier(input="score").fit(frame[["length"]].assign(x=rng.normal(size=len(y))), y)
    with pytest.raises(DataError, match="belong to no class"):
        CFEnsembleClassifier(input="proba").fit(frame, y)


def test_a_row_does_not_see_its_own_label():
    # A column that says nothing: shares counted with the own label would.
    y = np.random.default_rng(0).integers(0, 3, 600)
    X = np.random.default_rng(1).normal(size=(600, 1))
    model = CFEnsembleClassifier(input="score").fit(X, y)
    p = 1 / (1 + np.exp(-model.oof_decision_function_))
    assert abs(log_loss(y, p / p.sum(axis=1, keepdims=True)) - np.log(3)) < 0.03


def test_scores_of_classes_and_classes_without_rows(three):
    P, y = three
    scores = named(np.log(P) * 7)
    with pytest.warns(InputWarning, match="softmax"):
        scored = CFEnsembleClassifier().fit(scores, y)
    assert np.allclose(scored.predict_proba(scores).sum(axis=1), 1)
    # A class that no training row has is taken off.
    kept = y != "bus"
    frame = named(P)[kept]
    model = CFEnsembleClassifier()
    wide = pandas.concat([frame, pandas.DataFrame({"x:bus": 0.0, "x:car": 0.5, "x:van": 0.5, "x:cab": 0.0}, index=frame.index)], axis=1)
    three_left = np.where(np.arange(len(wide)) % 9 == 0, "cab", y[kept])
    with pytest.warns(InputWarning, match="which no row of y has"):
        model.fit(wide, three_left)
    assert model.classes_.tolist() == ["cab", "car", "van"] and np.isfinite(model.predict_proba(wide)).all()


def test_two_classes_with_an_axis_for_them(small):
    P, y = small
    cube = np.stack([1 - P, P], axis=2)
    expected = CFEnsembleClassifier().fit(P, y).predict_proba(P)
    model = CFEnsembleClassifier().fit(cube, y)
    assert np.array_equal(model.predict_proba(cube), expected)
    cube[0, 0] = 0.9
    with pytest.raises(DataError, match=r"X\[0, 0\] sums to 1.8"):
        CFEnsembleClassifier().fit(cube, y)


def test_groups_and_rare_classes(three):
    P, y = three
    grouped = CFEnsembleClassifier(cv=3).fit(P, y, groups=np.arange(len(y)) // 2)
    assert grouped.n_folds_ == 3
    # Folds of one's own are taken as they are.
    own = np.arange(len(y)) % 4
    folds = [np.flatnonzero(own == fold) for fold in range(4)]
    listed = CFEnsembleClassifier(cv=[(np.setdiff1d(np.arange(len(y)), test), test) for test in folds]).fit(P, y)
    named_folds = CFEnsembleClassifier(cv=own).fit(P, y)
    assert listed.n_folds_ == named_folds.n_folds_ == 4
    assert np.array_equal(listed.oof_decision_function_, named_folds.oof_decision_function_)
    for cv in (PredefinedSplit(own), np.array(["d", "b", "a", "c"])[own], [(own != fold, own == fold) for fold in range(4)]):
        again = CFEnsembleClassifier(cv=cv).fit(P, y)
        # The folds are the same, and their order may move the last bits.
        assert np.allclose(again.oof_decision_function_, named_folds.oof_decision_function_, atol=1e-9)
    rare = y.copy()
    rare[0] = "cab"
    with pytest.warns(InputWarning, match='"cab" has 1 labeled rows'):
        model = CFEnsembleClassifier().fit(see(rare, 2), rare)
    assert np.isnan(model.coef_[1]).all() and np.isfinite(model.coef_[[0, 2, 3]]).all()
    assert cross_val_score(CFEnsembleClassifier(), P.reshape(len(y), -1), y, cv=3, scoring="neg_log_loss").mean() > -1


def test_folds_that_cannot_be_followed(three):
    P, y = three
    own = np.arange(len(y)) % 3
    splits = [(np.flatnonzero(own != fold), np.flatnonzero(own == fold)) for fold in range(3)]
    for cv, message in (
        (TimeSeriesSplit(3), "never tests row 0"),
        (splits[:2], "never tests row 2"),
        ([*splits, splits[0]], "tests row 0 2 times"),
        ([([0], [len(y)])], "names rows in split 0 that X of 240 rows does not have"),
        (3.5, "is not allowed"),
        ([(np.arange(240), np.arange(240))], "at least 2 folds"),
    ):
        for estimator in (CFEnsembleClassifier(cv=cv), CFEnsembleStackingClassifier([("nb", GaussianNB())], cv=cv)):
            if message == "at least 2 folds" and isinstance(estimator, CFEnsembleStackingClassifier):
                continue
            with pytest.raises(ValueError, match=message):
                estimator.fit(P.reshape(len(y), -1), y)
    for labels in (y, y == "car"):
        X = P if len(np.unique(labels)) > 2 else P[:, :, 1]
        with pytest.raises(DataError, match=r"groups \[0, 1, 10.* lie in several folds of cv"):
            CFEnsembleClassifier(cv=splits).fit(X, labels, groups=np.arange(len(y)) // 2)
        with pytest.raises(DataError, match="lie in several folds of cv"):
            stack = CFEnsembleStackingClassifier([("nb", GaussianNB())], cv=own)
            stack.fit(P.reshape(len(y), -1), labels, groups=np.arange(len(y)) // 2)
    # A class whose rows are all held out at once has nothing to be cross-validated by.
    with pytest.warns(InputWarning, match='"bus": the given folds hold out all of its'):
        model = CFEnsembleClassifier(cv=np.where(y == "bus", 0, own)).fit(P, y)
    assert np.isnan(model.coef_[0]).all() and np.isfinite(model.coef_[1:]).all()
    with pytest.raises(DataError, match="fewer than two classes to learn"):
        CFEnsembleClassifier(cv=np.where(y == "bus", 0, np.where(y == "car", 1, 2))).fit(P, y)


def test_als_takes_rows_without_a_label(three):
    P, y = three
    some = np.where(np.arange(len(y)) % 4 == 0, None, y)
    model = CFEnsembleClassifier(method="als", settings={"latent_dim": 2}).fit(P, some)
    assert np.isnan(model.oof_decision_function_[::4]).all() and np.isfinite(model.oof_decision_function_[1::4]).all()
    with pytest.raises(DataError, match="have no label"):
        CFEnsembleClassifier().fit(P, some)
    # Splits that are listed may name rows without a label.
    own = np.arange(len(y)) // 4 % 3
    splits = [(np.flatnonzero(own != fold), np.flatnonzero(own == fold)) for fold in range(3)]
    als = {"method": "als", "settings": {"latent_dim": 2}}
    listed = CFEnsembleClassifier(cv=splits, **als).fit(P, some)
    of_array = CFEnsembleClassifier(cv=own, **als).fit(P, some)
    assert np.array_equal(listed.oof_decision_function_, of_array.oof_decision_function_, equal_nan=True)


@pytest.fixture(scope="module")
def stacked():
    return make_classification(400, 10, n_informative=6, n_classes=3, weights=[0.7, 0.2], random_state=0)


def test_stacking(stacked):
    X, y = stacked
    names = CLASSES[y]
    two = [("lr", LogisticRegression()), ("nb", GaussianNB())]
    stack = CFEnsembleStackingClassifier(two).fit(X[:300], names[:300])
    assert stack.transform(X).shape == (400, 6)
    assert stack.get_feature_names_out().tolist()[:3] == ["lr:bus", "lr:car", "lr:van"]
    assert set(stack.weights_) == {"lr", "nb"} and stack.weights_["lr"].shape == (3,)
    shares = np.tile(np.bincount(y[:300]) / 300, (100, 1))
    assert log_loss(names[300:], stack.predict_proba(X[300:])) < 0.95 * log_loss(names[300:], shares)
    columns = [cross_val_predict(est, X, y, cv=4, method="predict_proba") for _, est in two]
    alone = CFEnsembleClassifier().fit(np.stack(columns, axis=1), y)
    again = CFEnsembleStackingClassifier(two, cv=4).fit(X, y)
    assert np.array_equal(again.predict_proba(X), alone.predict_proba(again.transform(X)))
    # Folds of one's own.
    own = np.arange(len(y)) % 3
    splits = [(np.flatnonzero(own != fold), np.flatnonzero(own == fold)) for fold in range(3)]
    columns = [cross_val_predict(est, X, y, cv=splits, method="predict_proba") for _, est in two]
    alone = CFEnsembleClassifier().fit(np.stack(columns, axis=1), y)
    for cv in (splits, own, PredefinedSplit(own)):
        again = CFEnsembleStackingClassifier(two, cv=cv).fit(X, y)
        assert np.array_equal(again.predict_proba(X), alone.predict_proba(again.transform(X)))


def test_stacking_of_scores_prefit_and_features(stacked):
    X, y = stacked
    with pytest.warns(InputWarning, match="'svc' are not probabilities"):
        stack = CFEnsembleStackingClassifier([("svc", LinearSVC()), ("nb", GaussianNB())]).fit(X, y)
    assert np.allclose(stack.predict_proba(X).sum(axis=1), 1)
    fitted = [("nb", GaussianNB().fit(X[:200], CLASSES[y[:200]]))]
    prefit = CFEnsembleStackingClassifier(fitted, cv="prefit").fit(X[200:], CLASSES[y[200:]])
    assert np.array_equal(prefit.transform(X), fitted[0][1].predict_proba(X))
    with pytest.warns(InputWarning, match="'x0'"):
        both = CFEnsembleStackingClassifier([("nb", GaussianNB())], passthrough=True).fit(X, y)
    assert both.transform(X).shape == (400, 13)
    other = CFEnsembleStackingClassifier([("nb", GaussianNB())], LogisticRegression()).fit(X, y)
    assert other.predict_proba(X).shape == (400, 3) and not hasattr(other, "weights_")


@pytest.fixture(scope="module")
def vehicle():
    return cf_ensemble.fit(VEHICLE)


def test_a_table_of_the_program(vehicle, tmp_path):
    table = cf_ensemble.read(VEHICLE)
    n, m, k = table.shape
    assert table.P.shape == (n, m, k) and set(table.y) == set(table.classes) and "classes" in repr(table)
    p = vehicle.predict_proba(VEHICLE)
    test = ~table.in_train
    frame = vehicle.metrics().set_index(["part", "method"])
    y = table.y[test].astype(str)
    assert frame.loc[("test", "combined"), "log_loss"] == pytest.approx(log_loss(y, p[test]), rel=1e-12)
    macro = average_precision_score(y[:, None] == table.classes, p[test], average="macro")
    assert frame.loc[("test", "combined"), "macro_average_precision"] == pytest.approx(macro, rel=1e-12)
    assert np.array_equal(vehicle.predict_proba(table.P), p), "an array in the order of the model"
    parts, rest = vehicle.explain(VEHICLE)
    assert parts.shape == (n, m, k) and rest.shape == (n, k)
    assert vehicle.weights().shape == (m, k) and len(vehicle.per_class()) == k
    rows = table.in_train
    confusion = confusion_matrix(table.y[rows].astype(str), table.classes[vehicle.oof_proba.argmax(axis=1)])
    assert np.array_equal(vehicle.confusion().to_numpy(), confusion)
    assert "soft_voting" in vehicle.report(tmp_path / "r.html") and "soft voting" in vehicle._repr_html_()
    best = cf_ensemble.fit(VEHICLE, decision="macro_f1")
    f1 = {model: f1_score(table.y[rows].astype(str), decide(model), average="macro") for model, decide in [
        ("largest", lambda _: table.classes[vehicle.oof_proba.argmax(axis=1)]),
        ("weights", lambda _: table.classes[(best.oof_proba * best.decision["weights"]).argmax(axis=1)]),
    ]}  # fmt: skip
    assert f1["weights"] >= f1["largest"]


def test_a_model_reads_the_next_table_as_the_first_one(three, tmp_path):
    P, y = three
    percent = np.round(100 * P, 3)
    path = tmp_path / "percent.csv"
    named(percent).assign(label=y).to_csv(path, index=False)
    model = cf_ensemble.fit(path, scale="percent", method="als", settings={"max_iterations": 5})
    model.save(tmp_path / "m.safetensors")
    for kept in [model, cf_ensemble.load(tmp_path / "m.safetensors")]:
        np.testing.assert_allclose(kept.predict_proba(path), model.predict_proba(percent / 100), atol=1e-9)


def test_tables_of_every_kind_give_the_same(three):
    P, y = three
    frame = named(P)
    expected = cf_ensemble.fit(P, y).predict_proba(P)
    polars = pytest.importorskip("polars")
    labeled = frame.assign(label=y)
    for kind in (labeled, dict(labeled.items()), polars.from_pandas(labeled)):
        model = cf_ensemble.fit(kind)
        assert model.names == ["lr", "nb", "svm"] and model.classes.tolist() == CLASSES.tolist()
        assert np.allclose(model.predict_proba(kind), expected, atol=1e-12)
        assert np.allclose(model.predict_proba(frame[frame.columns[::-1]]), expected, atol=1e-12)
    numbers = np.searchsorted(CLASSES, y)
    renamed = named(P, classes=[0, 1, 2])
    model = cf_ensemble.fit(renamed, numbers)
    assert model.classes.tolist() == [0, 1, 2] and set(model.predict(renamed)) <= {0, 1, 2}
    assert pickle.loads(pickle.dumps(model)).classes.tolist() == [0, 1, 2]
    with pytest.raises(DataError, match="needed here|for two"):
        cf_ensemble.als(renamed, numbers)


def test_intervals_and_who_is_missed(three, model, tmp_path):
    P, y = three
    ensemble = cf_ensemble.fit(named(P), y)
    frame = ensemble.metrics()
    for column in ("log_loss", "macro_average_precision", "balanced_accuracy"):
        assert (frame[f"{column}_lower"] <= frame[column]).all() and (frame[column] <= frame[f"{column}_upper"]).all()
    assert np.isnan(frame["better_by"][0]) and (frame["better_by_lower"][1:] <= frame["better_by"][1:]).all()
    assert np.allclose(frame["better_by"][1:], frame["log_loss"][1:] - frame["log_loss"][0])
    new = np.random.default_rng(5).choice(CLASSES, 120, p=[0.2, 0.5, 0.3])
    fresh = see(new, 3, seed=8)
    scores = cf_ensemble.evaluate(new, {"first": fresh[:, 0], "vote": fresh.mean(axis=1)})
    assert scores["log_loss_lower"][0] < scores["log_loss"][0] < scores["log_loss_upper"][0]
    assert scores["better_by"][1] == pytest.approx(scores["log_loss"][1] - scores["log_loss"][0])
    trust = ensemble.trust()
    assert trust["class"].unique().tolist() == CLASSES.tolist() and len(trust) == 9
    weights = ensemble.weights()
    for row in trust.itertuples():
        assert row.weight == weights.loc[row.classifier, row[1]]
        assert row.lost_lower <= row.average_precision_lost <= row.lost_upper
    shown = ensemble._repr_html_()
    assert "most missed" in shown and "it saves +" in shown and shown.count("(95% ") >= 4
    ensemble.save(tmp_path / "m.safetensors")
    loaded = cf_ensemble.load(tmp_path / "m.safetensors")
    pandas.testing.assert_frame_equal(loaded.trust(), trust)
    assert "most missed" in loaded._repr_html_()
    # An estimator leaves nobody out.
    assert "most missed" not in model._repr_html_() and "it saves +" in model._repr_html_()


def test_what_may_be_wrong_with_a_table(three, tmp_path):
    P, y = three
    table = named(P).assign(label=y)
    assert cf_ensemble.fit(table)._fitted.table.findings() == "[]"
    for label in CLASSES:
        table[f"answer:{label}"] = np.where(y == label, 0.98, 0.01)
    table.to_csv(tmp_path / "leak.csv", index=False)
    found = cf_ensemble.read(tmp_path / "leak.csv").findings()
    assert found[0]["kind"] == "leak" and found[0]["classifiers"] == ["answer"] and found[0]["severity"] == "alarm"
    assert 'exclude="answer:*"' in found[0]["text"] and not any("--" in one["text"] for one in found)
    report = cf_ensemble.fit(tmp_path / "leak.csv").report()
    assert "exclude=" in report and "--exclude" not in report
    # Of two classes the answer has the same shape.
    two = {"a": P[:, 0, 1], "b": P[:, 1, 1], "answer": np.where(y == "car", 0.99, 0.01), "label": (y == "car").astype(int)}
    pandas.DataFrame(two).to_csv(tmp_path / "two.csv", index=False)
    of_two = cf_ensemble.read(tmp_path / "two.csv").findings()
    assert of_two[0]["kind"] == "leak" and of_two[0].keys() == found[0].keys()


def test_folds_times_and_costs_of_a_table(three):
    P, y = three
    n = len(y)
    table = named(P).assign(label=y, part=np.arange(n) % 4, when=np.arange(n) // 8, price=np.where(y == "bus", 9.0, 1.0))
    others = {"part", "when", "price"}
    followed = cf_ensemble.fit(table, fold="part", exclude=sorted(others - {"part"}))
    assert followed._fitted.n_folds == 4
    by_array = CFEnsembleClassifier(cv=np.arange(n) % 4).fit(P, y)
    assert np.allclose(followed.predict_proba(P), by_array.predict_proba(P))
    later = cf_ensemble.fit(table, time="when", folds=3, exclude=sorted(others - {"when"}))
    never = np.isnan(later.oof_proba[:, 0]).sum()
    assert never > 0 and later.parts()[0]["never_scored"] == never
    dear = cf_ensemble.fit(table, cost="price", exclude=sorted(others - {"price"}))
    assert "weights" in dear.decision and dear.metrics()["mean_cost"][0] > 0
    plain = cf_ensemble.fit(table, cost="price", decision="largest", exclude=sorted(others - {"price"}))
    assert plain.decision == "largest" and dear.metrics()["mean_cost"][0] <= plain.metrics()["mean_cost"][0]
    with pytest.raises(SettingsError, match="folds are given|exclude each other"):
        cf_ensemble.fit(table, fold="part", folds=3, exclude=sorted(others - {"part"}))


def test_evaluate_and_compare(three, model):
    P, y = three
    new = np.random.default_rng(5).choice(CLASSES, 120, p=[0.2, 0.5, 0.3])
    fresh = see(new, 3, seed=8)
    frame = cf_ensemble.evaluate(model, fresh, new)
    assert frame["method"].tolist() == ["combined", "soft_voting"]
    p = model.predict_proba(fresh)
    assert frame["log_loss"][0] == pytest.approx(log_loss(new, p), rel=1e-12)
    plain = cf_ensemble.evaluate(new, {"combined": p, "first": fresh[:, 0]})
    for column in ("log_loss", "brier", "macro_f1", "mcc", "ece"):
        assert plain[column][0] == pytest.approx(frame[column][0], rel=1e-12)
    with pytest.warns(InputWarning, match="trained on 100% of the labeled rows"):
        cf_ensemble.evaluate(model, P, y)
    strange = new.copy().astype(object)
    strange[:3] = "cab"
    with pytest.warns(InputWarning, match="3 rows are of classes"):
        assert cf_ensemble.evaluate(cf_ensemble.fit(P, y), fresh, strange)["rows"][0] == 117
    compared = cf_ensemble.compare(P, y)
    assert compared["log_loss"].is_monotonic_increasing and {"combined", "soft_voting"} <= set(compared["method"])


def test_weights_that_do_not_serve_are_an_error_where_they_count(small):
    P, y = small
    frame = pandas.DataFrame(P, columns=[f"p{j}" for j in range(6)]).assign(label=y, w=1.0)
    model = cf_ensemble.fit(frame, weight="w")
    assert np.array_equal(cf_ensemble.fit(P, y, sample_weight=np.ones(len(y))).predict_proba(P), model.predict_proba(P))
    broken = frame.assign(w=np.where(np.arange(len(y)) == 4, -1.0, 1.0))
    assert model.predict_proba(broken).shape == (len(y), 2), "to predict nothing of it is needed"
    with pytest.raises(DataError, match="weight"):
        cf_ensemble.evaluate(model, broken, weight="w")
    with pytest.raises(DataError, match="sample weight|weight"):
        cf_ensemble.fit(P, y, sample_weight=-np.ones(len(y)))


def test_exports(three):
    P, y = three
    names = ["lr", "nb", "svm"]
    expected = P
    arrays = cf_ensemble.from_predictions({name: P[:, u] for u, name in enumerate(names)}, y)
    assert arrays.names == names and arrays.classes.tolist() == CLASSES.tolist()
    autogluon = {name: pandas.DataFrame(P[:, u, ::-1], columns=CLASSES[::-1]) for u, name in enumerate(names)}
    h2o = {name: pandas.DataFrame(P[:, u], columns=["p" + c for c in CLASSES]).assign(predict=y) for u, name in enumerate(names)}
    mlr3 = {
        name: pandas.DataFrame(P[:, u], columns=["prob." + c for c in CLASSES]).assign(row_ids=np.arange(len(y)), truth=y)
        for u, name in enumerate(names)
    }
    wide = pandas.DataFrame({f".pred_{c}_{n}": P[:, u, k] for u, n in enumerate(names) for k, c in enumerate(CLASSES)}).assign(kind=y)
    for given, labels in ((autogluon, y), (h2o, y), (mlr3, None), (wide, None), (wide.drop(columns=[c for c in wide if "bus" in c]), None)):
        table = cf_ensemble.from_predictions(given, labels)
        assert table.names == names and table.classes.tolist() == CLASSES.tolist()
        assert np.allclose(table.P, expected) and np.array_equal(table.y.astype(str), y)
    assert np.array_equal(cf_ensemble.from_predictions(h2o, y, pos_label="van").P[:, 0], P[:, 0, 2])
    assert cf_ensemble.fit(arrays).predict(arrays).shape == y.shape
    with pytest.raises(DataError, match="no column for each of the 3 classes"):
        cf_ensemble.from_predictions({"a": P[:, 0], "b": P[:, 0, :2]}, y)


def test_pictures_and_notebooks(three, model):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    P, y = three
    ensemble = cf_ensemble.fit(P, y)
    for drawn in (model, ensemble):
        assert "soft voting" in drawn._repr_html_()
        assert len(cf_ensemble.plot_weights(drawn).texts) == 9
        assert len(cf_ensemble.plot_reliability(drawn).containers) == 3
        assert len(cf_ensemble.plot_precision_recall(drawn).get_legend().get_texts()) == 3
        assert cf_ensemble.plot_threshold(drawn, of="bus").get_title() == "Where to cut?"
    assert len(cf_ensemble.plot_reliability(y, model.predict_proba(P), of="car").containers) == 1
    with pytest.raises(DataError, match="name it with of="):
        cf_ensemble.plot_threshold(model)
    with pytest.raises(DataError, match="is not a class"):
        cf_ensemble.plot_reliability(model, of="cab")
