"""The classifier itself: numbers, inputs, errors, files."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from cf_ensemble import (
    CFEnsembleClassifier,
    CFEnsembleError,
    DataError,
    InputWarning,
    ModelFileError,
    SettingsError,
    TrainingError,
)
from samples import noisy


@pytest.mark.parametrize("method", ["recommended", "als"])
def test_same_bits_for_any_layout_and_threads(method, small):
    P, y = small
    expected = CFEnsembleClassifier(method=method).fit(P, y).predict_proba(P)
    for variant in (np.asfortranarray(P), P[::-1][::-1], np.asarray(P, dtype=">f8")):
        model = CFEnsembleClassifier(method=method, n_jobs=1).fit(variant, y)
        assert np.array_equal(model.predict_proba(variant), expected)


def test_single_precision_is_taken_as_it_is(small):
    P, y = small
    single = P.astype(np.float32)
    model = CFEnsembleClassifier().fit(single, y)
    double = CFEnsembleClassifier().fit(single.astype(np.float64), y)
    assert np.array_equal(model.predict_proba(single), double.predict_proba(single.astype(np.float64)))


def test_blocks_do_not_show(small):
    P, y = small
    model = CFEnsembleClassifier().fit(P, y)
    many = np.tile(P, (600, 1))  # 180,000 rows of 6: three blocks
    assert np.array_equal(model.predict_proba(many), np.tile(model.predict_proba(P), (600, 1)))
    many[150_000, 2] = 1.5
    with pytest.raises(DataError, match=r'column "clf_2", row 150000: 1.5 is not a probability'):
        model.predict_proba(many)


def test_better_than_the_mean_on_real_data(abalone):
    from sklearn.metrics import average_precision_score

    model = CFEnsembleClassifier().fit(abalone.train, abalone.y_train)
    combined = average_precision_score(abalone.y_test, model.predict_proba(abalone.test)[:, 1])
    mean = average_precision_score(abalone.y_test, np.nanmean(abalone.test, axis=1))
    assert combined > mean
    oof = model.oof_decision_function_
    assert average_precision_score(abalone.y_train, oof) > 0.2
    assert model.coef_.shape == (1, len(abalone.names))
    assert abs(sum(model.family_shares_.values()) - 1) < 1e-12


def test_scores_are_mapped(small):
    P, y = small
    scores = P.copy()
    scores[:, 1] = np.log(P[:, 1] / (1 - P[:, 1]))
    with pytest.warns(InputWarning, match="'clf_1' leave"):
        auto = CFEnsembleClassifier().fit(scores, y)
    # Ranks alone count: any increasing function of the score gives the same.
    cubed = scores.copy()
    cubed[:, 1] **= 3
    with pytest.warns(InputWarning):
        same = CFEnsembleClassifier().fit(cubed, y)
    assert np.allclose(auto.predict_proba(scores), same.predict_proba(cubed), atol=1e-9)
    with pytest.raises(DataError, match='column "clf_1", row 0'):
        CFEnsembleClassifier(input="proba").fit(scores, y)
    assert CFEnsembleClassifier(input="score").fit(scores, y).predict_proba(scores).shape == (300, 2)


def test_missing_predictions(small):
    P, y = small
    gaps = P.copy()
    gaps[np.random.default_rng(0).random(P.shape) < 0.3] = np.nan
    gaps[0] = np.nan
    model = CFEnsembleClassifier().fit(gaps, y)
    assert np.isfinite(model.predict_proba(gaps)).all()
    assert model.n_observed(gaps)[0] == 0


def test_unlabeled_rows(small):
    P, y = small
    floats = y.astype(float)
    floats[::3] = np.nan
    objects = y.astype(object)
    objects[::3] = None
    minus = np.where(np.isnan(floats), -1, y)
    models = [CFEnsembleClassifier(method="als").fit(P, labels) for labels in (floats, objects, minus)]
    for model in models:
        assert model.classes_.tolist() == [0, 1]
        assert np.isnan(model.oof_decision_function_[::3]).all()
        assert np.array_equal(model.predict_proba(P), models[0].predict_proba(P))
    for labels in (floats, objects):
        with pytest.raises(DataError, match="100 rows of y have no label"):
            CFEnsembleClassifier().fit(P, labels)


def test_errors_name_the_cell_as_the_user_does(small):
    pandas = pytest.importorskip("pandas")
    P, y = small
    frame = pandas.DataFrame(P, columns=list("abcdef"), index=[f"patient {i}" for i in range(len(y))])
    frame.loc["patient 7", "c"] = 1.5
    with pytest.raises(DataError, match=r'column "c", row patient 7: 1.5 is not a probability'):
        CFEnsembleClassifier(input="proba").fit(frame, y)


def test_errors_are_typed(small, tmp_path):
    P, y = small
    assert issubclass(DataError, ValueError) and issubclass(DataError, CFEnsembleError)
    assert issubclass(TrainingError, RuntimeError) and issubclass(ModelFileError, ValueError)
    with pytest.raises(SettingsError, match="unknown field `ranks`"):
        CFEnsembleClassifier(settings={"ranks": 3}).fit(P, y)
    with pytest.raises(SettingsError, match="latent_dim = 0 is not allowed"):
        CFEnsembleClassifier(settings={"latent_dim": 0}).fit(P, y)
    with pytest.raises(SettingsError, match="is not known"):
        CFEnsembleClassifier(method="svd").fit(P, y)
    with pytest.raises(SettingsError, match="'auto', 'proba' and 'score'"):
        CFEnsembleClassifier(input="logit").fit(P, y)
    with pytest.raises(DataError, match="needed; label some rows of the other class"):
        CFEnsembleClassifier().fit(P, np.ones(len(y)))
    with pytest.raises(TrainingError, match="diverged"):
        CFEnsembleClassifier(
            method="als",
            settings={
                "latent_dim": 3,
                "tolerance": 0.0,
                "aggregator": {"solver": {"gradient_step": {"learning_rate": 1e100}}, "weight_decay": 1.0},
            },
        ).fit(P, y)
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"no model")
    with pytest.raises(ModelFileError, match="bad.safetensors"):
        CFEnsembleClassifier.load(bad)
    with pytest.raises(ModelFileError, match="nowhere"):
        CFEnsembleClassifier.load(tmp_path / "nowhere")


def test_files_hold_everything(small, tmp_path):
    P, y = small
    scores = P.copy()
    scores[:, 1] *= 7
    names = np.array(["no", "yes"])
    with pytest.warns(InputWarning):
        model = CFEnsembleClassifier(pos_label="yes").fit(scores, names[y])
    file = tmp_path / "model.safetensors"
    model.save(file)
    again = CFEnsembleClassifier.load(file)
    assert again.classes_.tolist() == ["no", "yes"]
    assert again.best_threshold_ == model.best_threshold_
    assert np.array_equal(again.predict_proba(scores), model.predict_proba(scores))
    als = CFEnsembleClassifier(method="als").fit(P, y)
    als.save(file)
    assert np.array_equal(CFEnsembleClassifier.load(file).predict_proba(P), als.predict_proba(P))


def test_als_tells_how_it_went():
    P, y = noisy(200, 4)
    seen = []
    model = CFEnsembleClassifier(method="als", settings={"max_iterations": 7}).fit(
        P, y, progress=lambda done, total, loss: seen.append((done, total, loss))
    )
    assert model.fit_info_["iterations"] <= 7
    assert max(done for done, _, _ in seen) <= 7
    assert any(loss is not None for _, _, loss in seen)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rounding_is_no_score(dtype, small):
    P, y = small
    P = P.astype(dtype)
    exact, near = P.copy(), P.copy()
    exact[5, 2], near[5, 2] = 1, np.nextafter(dtype(1), dtype(2))
    exact[6, 1], near[6, 1] = 0, -1e-9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = CFEnsembleClassifier().fit(near, y)
    expected = CFEnsembleClassifier().fit(exact, y).predict_proba(exact)
    assert np.array_equal(model.predict_proba(near), expected)
    assert near[6, 1] < 0, "what was handed over is left alone"
    with pytest.raises(DataError, match="is not a probability"):
        model.predict_proba(np.where(near == near[5, 2], dtype(1.001), near))


def test_a_loaded_estimator_can_be_fitted_again(small, tmp_path):
    P, y = small
    model = CFEnsembleClassifier(settings={"latent_dim": 2}, random_state=7, pos_label=0).fit(1 - P, y)
    model.save(tmp_path / "model.safetensors")
    again = CFEnsembleClassifier.load(tmp_path / "model.safetensors")
    assert again.get_params() == {**model.get_params(), "cv": None}
    assert np.array_equal(again.fit(1 - P, y).predict_proba(P), model.predict_proba(P))


def test_cv_takes_the_fold_of_each_row(small):
    from sklearn.model_selection import PredefinedSplit

    P, y = small
    folds = np.arange(len(y)) % 3
    of_array = CFEnsembleClassifier(cv=folds).fit(P, y)
    assert of_array.n_folds_ == 3
    for cv in (PredefinedSplit(folds), folds.tolist(), np.array(["c", "a", "b"])[folds]):
        again = CFEnsembleClassifier(cv=cv).fit(P, y)
        assert np.allclose(again.oof_decision_function_, of_array.oof_decision_function_, atol=1e-9)
    splits = [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(3)]
    assert np.array_equal(
        CFEnsembleClassifier(cv=splits).fit(P, y).oof_decision_function_, of_array.oof_decision_function_
    )
    with pytest.raises(DataError, match="give the fold of each row"):
        CFEnsembleClassifier(cv=folds[:-1]).fit(P, y)
    with pytest.raises(DataError, match="at least 2 folds"):
        CFEnsembleClassifier(cv=np.zeros(len(y), dtype=int)).fit(P, y)
    with pytest.raises(DataError, match="names no fold for 1 labeled rows, the first is row 7"):
        CFEnsembleClassifier(cv=np.where(np.arange(len(y)) == 7, -1, folds)).fit(P, y)
    groups = np.arange(len(y)) // 2
    with pytest.raises(DataError, match="lie in several folds"):
        CFEnsembleClassifier(cv=folds).fit(P, y, groups=groups)


def test_sample_weights_reach_the_threshold_and_the_prevalence(small):
    import json

    P, y = small
    weight = np.where(y == 1, 3.0, 1.0)
    model = CFEnsembleClassifier().fit(P, y, sample_weight=weight)
    data = json.loads(model.combiner_.details)["provenance"]["data"]
    assert data["positive_weight"] == 3 * (y == 1).sum() and data["negative_weight"] == (y == 0).sum()
    ones = CFEnsembleClassifier().fit(P, y, sample_weight=np.ones(len(y)))
    plain = CFEnsembleClassifier().fit(P, y)
    assert ones.best_threshold_ == plain.best_threshold_
    assert np.array_equal(ones.predict_proba(P), plain.predict_proba(P))
