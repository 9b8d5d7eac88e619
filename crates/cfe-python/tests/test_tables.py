"""Functions for people with tables."""

from __future__ import annotations

import json
import pickle
import warnings
import zipfile

import cf_ensemble
import numpy as np
import pytest
from cf_ensemble import CFEnsembleClassifier, DataError, InputWarning, ModelFileError, SettingsError

pandas = pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def fitted(abalone):
    return cf_ensemble.fit(abalone.path, split="split")


def test_reading(abalone):
    table = cf_ensemble.read(abalone.path, split="split")
    assert table.names == abalone.names
    assert np.array_equal(table.P[table.in_train], abalone.train, equal_nan=True)
    assert np.array_equal(table.y[~table.in_train], abalone.y_test)
    assert len(table.ids) == len(table) == table.shape[0]
    assert "abalone9_18_seed0.csv.gz" in repr(table)
    with pytest.raises(DataError, match='there is no column "color"|color'):
        cf_ensemble.read(abalone.path, label="color")


def test_the_fit_of_a_table_is_that_of_the_arrays(abalone, fitted):
    model = CFEnsembleClassifier().fit(abalone.train, abalone.y_train)
    assert fitted.names == abalone.names
    assert np.array_equal(fitted.predict_proba(abalone.test)[:, 1], model.predict_proba(abalone.test)[:, 1])
    assert fitted.threshold == model.best_threshold_
    called = fitted.predict(abalone.test)
    assert np.array_equal(called, fitted.predict_proba(abalone.test)[:, 1] >= fitted.threshold)


def test_metrics_and_weights(abalone, fitted):
    frame = fitted.metrics()
    assert set(frame["part"]) == {"train", "test"}
    test = frame[frame["part"] == "test"].set_index("method")
    from sklearn.metrics import average_precision_score, log_loss

    p = fitted.predict_proba(abalone.test)[:, 1]
    assert test.loc["combined", "average_precision"] == pytest.approx(average_precision_score(abalone.y_test, p))
    assert test.loc["combined", "log_loss"] == pytest.approx(log_loss(abalone.y_test, p))
    assert test.loc["mean", "better_by"] == pytest.approx(
        test.loc["combined", "average_precision"] - test.loc["mean", "average_precision"]
    )
    weights = fitted.weights()
    assert sorted(weights["classifier"]) == sorted(abalone.names)
    assert weights["share"].sum() == pytest.approx(1)
    assert weights["share"].is_monotonic_decreasing


def test_report_and_notebook(fitted, tmp_path):
    html = fitted.report(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == html
    assert "Is it better than averaging?" in html
    shown = fitted._repr_html_()
    assert "averaging" in shown and "Best threshold" in shown and "<svg" in shown


def test_explanations_add_up(abalone, fitted):
    parts, rest = fitted.explain(abalone.test)
    assert np.allclose(parts.sum(axis=1) + rest, fitted.decision_function(abalone.test), atol=1e-9)
    als = CFEnsembleClassifier(method="als").fit(abalone.train, abalone.y_train)
    logits, parts = als.decision_function(abalone.test), als.explain(abalone.test)
    assert np.ptp(logits - parts.sum(axis=1)) < 1e-9, "the rest is the intercept alone"


def test_files_are_shared_with_the_estimator(abalone, fitted, tmp_path):
    file = tmp_path / "model.safetensors"
    fitted.save(file)
    estimator = CFEnsembleClassifier.load(file)
    expected = fitted.predict_proba(abalone.test)
    frame = pandas.DataFrame(abalone.test, columns=abalone.names)
    assert np.array_equal(estimator.predict_proba(frame), expected)
    loaded = cf_ensemble.load(file)
    assert np.array_equal(loaded.predict_proba(abalone.test), expected)
    assert loaded.info["trainer"] == "recommended"
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(abalone.test), expected)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = cf_ensemble.evaluate(loaded, frame, abalone.y_test)
        cf_ensemble.evaluate(estimator, frame, abalone.y_test)
    assert scores["method"][0] == "combined" and "mean" in set(scores["method"])
    # Its own train rows are noticed: in another order, in single precision and as a file with five decimals has them.
    written = np.vectorize(lambda p: float(f"{p:.5f}"))
    train = abalone.train[::-1]
    for rows in [train, train.astype(np.float32), written(train)]:
        rows = pandas.DataFrame(rows, columns=abalone.names)
        for model in [loaded, estimator]:
            with pytest.warns(InputWarning, match="trained on (100|99|98)% of the labeled rows"):
                cf_ensemble.evaluate(model, rows, abalone.y_train[::-1])
    with pytest.raises(DataError, match="cf_ensemble.evaluate"):
        loaded.metrics()
    with pytest.raises(ModelFileError):
        cf_ensemble.load(abalone.path)


def test_tables_of_every_kind_give_the_same(abalone, tmp_path):
    P, y, names = abalone.train, abalone.y_train, abalone.names
    expected = cf_ensemble.fit(P, y).predict_proba(P)
    frame = pandas.DataFrame(P, columns=names).assign(label=y)
    kinds = [frame, dict(frame.items()), (frame[names], y)]
    polars, pyarrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    kinds += [polars.from_pandas(frame), pyarrow.Table.from_pandas(frame, preserve_index=False)]
    kinds += [pytest.importorskip("duckdb").from_df(frame)]
    frame.to_parquet(tmp_path / "table.parquet")
    kinds += [tmp_path / "table.parquet"]
    for kind in kinds:
        model = cf_ensemble.fit(*kind) if isinstance(kind, tuple) else cf_ensemble.fit(kind)
        assert model.names == names, type(kind)
        assert np.array_equal(model.predict_proba(frame[names[::-1]]), expected), "columns are found by name"
        given = kind[0] if isinstance(kind, tuple) else kind
        assert np.array_equal(model.predict_proba(given), expected), type(kind)
    relation = kinds[-2]
    assert np.array_equal(cf_ensemble.fit(relation.select(*names), y).predict_proba(relation), expected)


def test_columns_of_a_data_frame(small):
    P, y = small
    frame = pandas.DataFrame(P, columns=[f"p_{j}" for j in range(6)])
    frame["sick"], frame["age"], frame["ward"] = y, 40.0 + np.arange(len(y)) % 30, np.arange(len(y)) // 3
    model = cf_ensemble.fit(frame, label="sick", columns="p_*", group="ward")
    assert model.names == [f"p_{j}" for j in range(6)]
    # A column that holds no probabilities is not a classifier.
    model = cf_ensemble.fit(frame.drop(columns="ward"), label="sick")
    assert model.names == [f"p_{j}" for j in range(6)]


def test_options_of_a_fit(small):
    P, y = small
    model = cf_ensemble.fit(P, y, method="als", calibrate="platt", threshold="cost=1,20", folds=3, settings={"latent_dim": 3})
    assert model.info["trainer"] == "als" and model.info["settings"]["latent_dim"] == 3
    assert model.info["cut"]["rule"] == "cost=1,20"
    p = model.predict_proba(P)[:, 1]
    assert np.allclose(np.log(p / (1 - p)), model.decision_function(P))
    with pytest.raises(SettingsError, match="f1, fbeta"):
        cf_ensemble.fit(P, y, threshold="best")


def test_compare(small):
    frame = cf_ensemble.compare(*small)
    assert {"combined", "mean", "lr", "greedy_es", "nnls"} <= set(frame["method"])
    assert frame["average_precision"].is_monotonic_decreasing
    assert (frame["lower"] <= frame["average_precision"]).all()


def test_evaluate_predictions():
    y = np.array(["no", "yes", "no", "yes", None], dtype=object)
    frame = cf_ensemble.evaluate(y, {"good": [0.1, 0.9, 0.2, 0.8, 0.5], "score": [-1, 3, 0, 2, 9]}).set_index("method")
    assert frame.loc["good", "average_precision"] == 1
    assert frame.loc["good", "brier"] == pytest.approx(np.mean([0.01, 0.01, 0.04, 0.04]))
    assert np.isnan(frame.loc["score", "brier"]), "scores are not judged as probabilities"
    with pytest.raises(DataError, match="'good' has the shape"):
        cf_ensemble.evaluate(y, {"good": [0.1]})


def test_weights_count_in_every_figure(small):
    from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

    P, y = small
    names = [f"p_{j}" for j in range(6)]
    model = cf_ensemble.fit(pandas.DataFrame(P, columns=names), y)
    estimator = CFEnsembleClassifier(method="als").fit(P, y)
    rng = np.random.default_rng(2)
    new = (rng.random(200) < 0.3).astype(int)
    fresh = 1 / (1 + np.exp(-(2 * new[:, None] - 1 + rng.normal(size=(200, 6)))))
    weights = rng.gamma(1.0, size=200)
    weights[::9] = 0
    frame = pandas.DataFrame(fresh, columns=names)
    p, q = model.predict_proba(fresh)[:, 1], estimator.predict_proba(fresh)[:, 1]
    for found, values in (
        (cf_ensemble.evaluate(new, p, sample_weight=weights), p),
        (cf_ensemble.evaluate(estimator, fresh, new, sample_weight=weights), q),
        (cf_ensemble.evaluate(model, fresh, new, sample_weight=weights), p),
        (cf_ensemble.evaluate(model, frame, new, sample_weight=weights), p),
        (cf_ensemble.evaluate(model, frame.assign(label=new, w=weights), weight="w"), p),
    ):
        for column, metric in (
            ("average_precision", average_precision_score),
            ("roc_auc", roc_auc_score),
            ("log_loss", log_loss),
            ("brier", brier_score_loss),
        ):
            assert found[column][0] == pytest.approx(metric(new, values, sample_weight=weights), rel=1e-12), column
        assert found["rows"][0] == (weights > 0).sum()
    with pytest.raises(DataError, match="one for each label"):
        cf_ensemble.evaluate(new, p, sample_weight=weights[1:])
    with pytest.raises(DataError, match="weight"):
        cf_ensemble.evaluate(new, p, sample_weight=-weights)


def test_exports_by_model(small):
    P, y = small
    two = np.column_stack([1 - P[:, 0], P[:, 0]])
    index = [f"row {i}" for i in range(len(y))]
    autogluon = {
        "LightGBM_BAG_L1": pandas.DataFrame(two, columns=[0, 1], index=index),
        "CatBoost_BAG_L1": pandas.DataFrame({0: 1 - P[:, 1], 1: P[:, 1]}, index=index),
        "WeightedEnsemble_L2": pandas.DataFrame(two, columns=[0, 1], index=index),
    }
    with pytest.warns(InputWarning, match="left out WeightedEnsemble_L2"):
        table = cf_ensemble.from_predictions(autogluon, y)
    assert table.names == ["LightGBM_BAG_L1", "CatBoost_BAG_L1"]
    assert np.array_equal(table.P, P[:, :2])
    h2o = {"gbm": pandas.DataFrame({"predict": y, "p0": 1 - P[:, 2], "p1": P[:, 2]})}
    assert np.array_equal(cf_ensemble.from_predictions(h2o, y).P[:, 0], P[:, 2])
    names = np.array(["yes", "no"])[y]
    columns = {"m": pandas.DataFrame({"no": P[:, 0], "yes": 1 - P[:, 0]})}
    positive = cf_ensemble.from_predictions(columns, names, pos_label="no")
    assert np.array_equal(positive.P[:, 0], P[:, 0]) and np.array_equal(positive.y, y)
    autogluon["CatBoost_BAG_L1"] = autogluon["CatBoost_BAG_L1"].iloc[::-1]
    with pytest.warns(InputWarning), pytest.raises(DataError, match="are not those of"):
        cf_ensemble.from_predictions(autogluon, y)


def test_long_exports(small):
    P, y = small
    n = 20
    truth = np.where(y[:n], "pos", "neg")
    mlr3 = {
        f"classif.{name}": pandas.DataFrame(
            {"row_ids": np.arange(1, n + 1), "truth": truth, "response": truth, "prob.pos": P[:n, j], "prob.neg": 1 - P[:n, j]}
        )
        for j, name in enumerate(["ranger", "svm"])
    }
    mlr3["classif.svm"] = mlr3["classif.svm"].iloc[::-1]
    table = cf_ensemble.from_predictions(mlr3, pos_label="pos")
    assert table.names == ["classif.ranger", "classif.svm"]
    assert np.array_equal(table.P, P[:n, :2]) and np.array_equal(table.y, y[:n])
    # Two repeats of tidymodels: the mean of a row is taken.
    parts = []
    for j, name in enumerate(["forest", "glm"]):
        for repeat in (-0.01, 0.01):
            parts.append(
                pandas.DataFrame({"wflow_id": name, ".row": np.arange(n), "obs": truth, ".pred_pos": P[:n, j] * 0.9 + 0.05 + repeat})
            )
    # "obs" is a label by caret's and tidymodels' names.
    with pytest.warns(InputWarning, match="several times"):
        table = cf_ensemble.from_predictions(pandas.concat(parts), pos_label="pos")
    assert table.names == ["forest", "glm"]
    assert np.allclose(table.P, P[:n, :2] * 0.9 + 0.05)
    with pytest.raises(DataError, match="no column of the model"):
        cf_ensemble.from_predictions(pandas.DataFrame({"a": [1]}))
    # tidymodels' data stack is wide, with both classes of each model and the outcome by its own name.
    wide = {"churn": truth}
    for j, name in enumerate(["forest_1_1", "glm_1_2"]):
        wide |= {f".pred_neg_{name}": 1 - P[:n, j], f".pred_pos_{name}": P[:n, j]}
    for pos_label in [None, "pos"]:
        table = cf_ensemble.from_predictions(pandas.DataFrame(wide), pos_label=pos_label)
        assert table.names == ["forest_1_1", "glm_1_2"]
        assert np.array_equal(table.P, P[:n, :2]) and np.array_equal(table.y, truth == "pos")
    turned = cf_ensemble.from_predictions(pandas.DataFrame(wide), pos_label="neg")
    assert np.array_equal(turned.P, 1 - P[:n, :2]) and np.array_equal(turned.y, truth == "neg")
    with pytest.raises(DataError, match="pos_label="):
        cf_ensemble.from_predictions(pandas.DataFrame(wide).drop(columns="churn"))


def test_out_of_fold_files(small, tmp_path):
    P, y = small
    n = 30
    ids = np.array([f"id{i}" for i in range(n)])
    for j, name in enumerate(["lgbm", "nn"]):
        order = np.random.default_rng(j).permutation(n)
        frame = pandas.DataFrame({"id": ids[order], "target": y[order], "pred": P[order, j]})
        frame.to_csv(tmp_path / f"oof_{name}.csv", index=False)
    table = cf_ensemble.from_predictions([tmp_path / "oof_lgbm.csv", tmp_path / "oof_nn.csv"])
    assert table.names == ["lgbm", "nn"]
    order = np.random.default_rng(0).permutation(n)
    assert np.allclose(table.P, P[order, :2]) and np.array_equal(table.y, y[order])
    np.save(tmp_path / "oof_a.npy", P[:, 0])
    np.save(tmp_path / "oof_b.npy", np.column_stack([1 - P[:, 1], P[:, 1]]))
    table = cf_ensemble.from_predictions([tmp_path / "oof_a.npy", tmp_path / "oof_b.npy"], y)
    assert np.array_equal(table.P, P[:, :2])


def test_trainers_keep_the_course_of_the_weights(small):
    P, y = small
    run = cf_ensemble.als(P, y, latent_dim=3, max_iterations=15, random_state=4)
    assert run.trace_iterations[0] == 0 and run.weights.shape == (len(run.trace_iterations), 6)
    assert len(run.losses) == run.n_iter == len(run.iterations)
    assert run.stop in ("converged", "max_iterations") and run.loss["total"] > 0
    assert np.array_equal(run.weights[-1], run.model._model.weights)
    assert json.dumps(run.model.info)
    same = CFEnsembleClassifier(method="als", settings={"latent_dim": 3, "max_iterations": 15}, random_state=4).fit(P, y)
    assert np.array_equal(run.model.predict_proba(P)[:, 1], same.predict_proba(P)[:, 1])
    assert cf_ensemble.als(P, y, trace=False, max_iterations=3).weights.shape[0] == 0


def test_torch_says_how_to_get_it(small):
    try:
        run = cf_ensemble.torch(*small, max_epochs=3)
    except SettingsError as error:
        assert "--features torch" in str(error)
    else:
        assert run.n_iter <= 3


def test_progress_bar(small, capsys):
    pytest.importorskip("tqdm")
    cf_ensemble.als(*small, max_iterations=3, progress=True)
    assert "als" in capsys.readouterr().err


def test_what_was_passed_over_is_told(small, tmp_path):
    P, y = small
    frame = pandas.DataFrame(P, columns=[f"p_{j}" for j in range(6)]).assign(sick=y, age=40 + np.arange(len(y)) % 30)
    frame.to_csv(tmp_path / "table.csv", index=False)
    for data in (frame, dict(frame.items()), tmp_path / "table.csv"):
        with pytest.warns(InputWarning, match=r"passed over 'age' \(whole numbers from 40 to 69\).*exclude=") as told:
            table = cf_ensemble.fit(data, label="sick", method="als")._fitted.table
        assert told[0].filename == __file__, "the warning points at the line of the user"
        assert dict(table.passed_over) == {"age": "whole numbers from 40 to 69"}
        assert "label = sick" in table.taken
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = cf_ensemble.read(tmp_path / "table.csv", label="sick", exclude=["age", "p_5"])
    assert table.names == [f"p_{j}" for j in range(5)]
    assert table.passed_over == {"p_5": "excluded", "age": "excluded"}


def test_messages_name_arguments_of_python(small, tmp_path):
    P, y = small
    columns = {f"p_{j}": P[:, j] for j in range(6)} | {"label": y}
    with pytest.warns(InputWarning, match=r"passed over 'not_0' \(1 - p_0\).* exclude= the others"):
        cf_ensemble.fit({**columns, "not_0": 1 - P[:, 0]}, method="als")
    leak = tmp_path / "leak.csv"
    pandas.DataFrame({**columns, "leak": 0.01 + 0.98 * y}).to_csv(leak, index=False)
    texts = [finding["text"] for finding in cf_ensemble.read(leak).findings()]
    assert any('leave it out (exclude="leak")' in text for text in texts)
    assert not any("--" in text for text in texts)
    percent = tmp_path / "percent.csv"
    pandas.DataFrame({"a": (100 * P[:, 0]).round(2), "b": (100 * P[:, 1]).round(2), "label": y}).to_csv(percent, index=False)
    with pytest.raises(DataError, match='scale="percent"'):
        cf_ensemble.read(percent)
    assert np.allclose(cf_ensemble.read(percent, scale="percent").P, P[:, :2], atol=1e-4)


def test_a_model_reads_new_tables_as_its_own(small, tmp_path):
    P, y = small
    percent = pandas.DataFrame({f"p_{j}": (100 * P[:, j]).round(2) for j in range(6)})
    model = cf_ensemble.fit(percent.assign(label=y), scale="percent", method="als")
    percent.to_csv(tmp_path / "new.csv", index=False)
    expected = model.predict_proba(percent.to_numpy() / 100)
    assert np.allclose(model.predict_proba(percent), expected)
    assert np.allclose(model.predict_proba(tmp_path / "new.csv"), expected)


def test_what_contradicts_is_refused(small, abalone):
    P, y = small
    table = cf_ensemble.read(abalone.path, split="split")
    with pytest.raises(DataError, match="y was given as well"):
        cf_ensemble.fit(table, y)
    with pytest.raises(DataError, match="name the column of the labels with label="):
        cf_ensemble.fit(abalone.path, y)
    with pytest.raises(DataError, match="label cannot be told of an array"):
        cf_ensemble.fit(P, label="y")


def test_the_positive_label_can_be_chosen(small):
    P, y = small
    columns = {f"p_{j}": 1 - P[:, j] for j in range(6)} | {"sick": np.where(y, "yes", "no")}
    table = cf_ensemble.fit(columns, label="sick", pos_label="no", method="als")._fitted.table
    assert np.array_equal(table.labels, 1 - y)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_columns_are_predicted_without_a_table(library, small):
    P, y = small
    module = pytest.importorskip(library)
    columns = {f"p_{j}": np.ascontiguousarray(P[:, j]) for j in range(6)}
    make = module.table if library == "pyarrow" else module.DataFrame
    model = cf_ensemble.fit(make(columns), y)
    assert model.names == list(columns)
    expected = model.predict_proba(P)
    # The order of the columns, and others beside them, do not matter.
    turned = {name: columns[name] for name in reversed(columns)} | {"age": np.arange(len(y)) + 30.0}
    assert np.array_equal(model.predict_proba(make(turned)), expected)
    assert np.array_equal(model.predict_proba(turned), expected)
    single = make({name: column.astype(np.float32) for name, column in columns.items()})
    assert np.array_equal(model.predict_proba(single), model.predict_proba(P.astype(np.float32)))
    with pytest.raises(DataError, match="'p_5' is missing|\"p_5\""):
        model.predict_proba(make({name: columns[name] for name in list(columns)[:5]}))


def test_an_estimator_is_evaluated(small):
    P, y = small
    names = np.array(["no", "yes"])[y]
    model = CFEnsembleClassifier(method="als").fit(P, names)
    with pytest.warns(InputWarning, match="trained on 100%"):
        scores = cf_ensemble.evaluate(model, P, names)
    expected = cf_ensemble.evaluate(y, model.predict_proba(P)[:, 1])
    assert scores["average_precision"][0] == expected["average_precision"][0]
    with pytest.raises(DataError, match="evaluate\\(estimator, X, y\\)"):
        cf_ensemble.evaluate(model, P)
    with pytest.raises(DataError, match="report\\(P, path, y\\)"):
        cf_ensemble.report(model)


def drawn(rows=160):
    """Predictions of four classifiers, a quarter positive, with weights, folds and times."""
    rng = np.random.default_rng(3)
    label = (np.arange(rows) % 4 == 0).astype(int)
    columns = {f"clf{j}": 1 / (1 + np.exp(-(2 * label - 1.5 + rng.normal(size=rows)))) for j in range(4)}
    fold = np.arange(rows) // 4 % 4
    return {**columns, "label": label, "w": 1.0 + label, "part": fold, "when": np.arange(rows) // 8}


def test_weights_folds_and_times_reach_the_fit():
    data = drawn()
    plain = cf_ensemble.fit(data, exclude=["w", "part", "when"])
    weighted = cf_ensemble.fit(data, weight="w", exclude=["part", "when"])
    # Positives weigh twice as much.
    shift = weighted.decision_function(data) - plain.decision_function(data)
    assert 0.4 < np.median(shift) < 1.0
    assert weighted.parts()[0]["weight"] == 200
    followed = cf_ensemble.fit(data, fold="part", exclude=["w", "when"])
    assert followed.info["fit"]["folds"] == 4
    later = cf_ensemble.fit(data, time="when", folds=3, exclude=["w", "part"])
    assert np.isnan(later.oof_proba).sum() == 40
    assert later.parts()[0]["never_scored"] == 40 and later.parts()[0]["in_time"]
    with pytest.raises(SettingsError, match="exclude each other"):
        cf_ensemble.fit(data, fold="part", folds=3, exclude=["w", "when"])
    with pytest.raises(DataError, match="have no weight"):
        cf_ensemble.fit({**data, "w": np.where(np.arange(160) == 5, -1.0, 1.0)}, weight="w", exclude=["part", "when"])


def test_folds_of_a_name_are_taken_unless_a_number_is_asked_for():
    data = drawn()
    named = {**{k: v for k, v in data.items() if k.startswith("clf") or k == "label"}, "fold": data["part"]}
    assert cf_ensemble.fit(named).info["fit"]["folds"] == 4
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        assert cf_ensemble.fit(named, folds=3).info["fit"]["folds"] == 3


def workbook(path, rows):
    """Writes a workbook of one sheet, "Scores", as small as a reader takes it."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"

    def cell(value):
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    cells = "".join("<row>" + "".join(cell(value) for value in row) + "</row>" for row in rows)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>'
        '<sheet name="Scores" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{relations}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)


def test_a_workbook_is_read_and_a_sheet_it_lacks_is_named(tmp_path):
    path = tmp_path / "scores.xlsx"
    p = [[0.1, 0.2], [0.9, 0.7], [0.3, 0.4], [0.8, 0.6]]
    workbook(path, [["label", "svm", "forest"]] + [[i % 2, *row] for i, row in enumerate(p)])
    table = cf_ensemble.read(path, sheet="Scores")
    assert table.names == ["svm", "forest"]
    assert np.array_equal(table.P, p)
    with pytest.raises(DataError, match="Scores"):
        cf_ensemble.read(path, sheet="Prices")
