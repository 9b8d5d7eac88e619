"""Fits on Spark: the bits of one machine, also with executors of their own, one of which is killed."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time

import numpy as np
import psutil
import pytest

pytest.importorskip("pyspark")
from cf_ensemble import DataError, SettingsError
from cf_ensemble.spark import CFEnsembleClassifier, CFEnsembleClassifierModel, _Engine
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.evaluation import BinaryClassificationEvaluator
from pyspark.sql import SparkSession

from .conftest import SETTINGS, model_of_cfe

# Executors run the Python that is tested.
os.environ["PYSPARK_PYTHON"] = sys.executable
NAMES = [f"clf{j}" for j in range(8)]


def session(master: str) -> SparkSession:
    built = SparkSession.builder.master(master).config("spark.ui.enabled", "false").config("spark.executor.memory", "512m")
    return built.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1").getOrCreate()


@pytest.fixture(scope="module")
def spark():
    """This process and threads of its JVM."""
    spark = session("local[2]")
    yield spark
    spark.stop()


def bytes_of(model: CFEnsembleClassifierModel, folder) -> bytes:
    model.save_model(folder / "m.safetensors")
    return (folder / "m.safetensors").read_bytes()


def test_the_model_is_that_of_the_program_for_any_number_of_tasks(fitted, spark, tmp_path):
    for tasks in (None, 1, 2, 5):
        model = CFEnsembleClassifier(method="als", settings=SETTINGS, num_tasks=tasks).fit_store(spark, fitted.store)
        assert bytes_of(model, tmp_path) == fitted.model, tasks
    assert model.fit_info_["iterations"] == SETTINGS["max_iterations"]


def test_the_recommended_combiner_is_that_of_the_program(fitted, spark, tmp_path):
    settings = {"max_instances": 3000}
    wanted = model_of_cfe(fitted.cfe, fitted.store, method="recommended", settings=settings)
    model = CFEnsembleClassifier(settings=settings, num_tasks=2).fit_store(spark, fitted.store)
    assert bytes_of(model, tmp_path) == wanted


def test_a_data_frame_in_any_order_becomes_the_same_store(fitted, spark, tmp_path):
    frame = spark.read.parquet(*fitted.parts).repartition(7)
    store = tmp_path / "store"
    estimator = CFEnsembleClassifier(features_col=NAMES, label_col="sick", id_col="row", store=store, method="als", settings=SETTINGS)
    model = estimator.fit(frame)
    wanted = json.loads((fitted.store / "store.json").read_text())["fingerprint"]
    assert json.loads((store / "store.json").read_text())["fingerprint"] == wanted
    assert bytes_of(model, tmp_path) == model_of_cfe(fitted.cfe, store)
    assert not (tmp_path / "store.rows").exists()


def test_weights_and_groups_of_a_data_frame_are_those_of_the_program(fitted, spark, tmp_path):
    from pyspark.sql import functions

    frame = spark.read.parquet(*fitted.parts).limit(6000).orderBy("row")
    number = functions.substring("row", 2, 9).cast("int")
    frame = frame.withColumn("w", number % 3 + functions.lit(0.5)).withColumn("patient", functions.concat(functions.lit("p"), number % 800))
    settings = {"max_instances": 2000}
    columns = {"features_col": NAMES, "label_col": "sick", "id_col": "row", "weight_col": "w", "group_col": "patient"}
    model = CFEnsembleClassifier(**columns, store=tmp_path / "store", method="recommended", settings=settings).fit(frame)
    assert bytes_of(model, tmp_path) == model_of_cfe(fitted.cfe, tmp_path / "store", method="recommended", settings=settings)
    manifest = json.loads((tmp_path / "store" / "store.json").read_text())
    assert manifest["has_weights"] and manifest["columns"]["group"] == "patient"
    plain = {key: value for key, value in columns.items() if key not in ("weight_col", "group_col")}
    other = CFEnsembleClassifier(**plain, store=tmp_path / "plain", method="recommended", settings=settings).fit(frame)
    assert other.combiner_.to_bytes() != model.combiner_.to_bytes()


def test_a_pipeline_with_it_is_fitted_saved_and_loaded(fitted, spark, tmp_path):
    import cf_ensemble

    frame = spark.read.parquet(*fitted.parts)
    store = tmp_path / "store"
    estimator = CFEnsembleClassifier(features_col=NAMES, label_col="sick", id_col="row", store=store, method="als", settings=SETTINGS)
    estimator.write().overwrite().save(str(tmp_path / "estimator"))
    assert CFEnsembleClassifier.load(str(tmp_path / "estimator")).getOrDefault("featuresCol") == NAMES
    model = Pipeline(stages=[estimator]).fit(frame)
    model.write().overwrite().save(str(tmp_path / "pipeline"))
    loaded = PipelineModel.load(str(tmp_path / "pipeline"))
    assert loaded.stages[0].combiner_.to_bytes() == model.stages[0].combiner_.to_bytes()

    table = loaded.transform(frame).orderBy("row").toArrow()
    assert table.column_names == [*frame.columns, "probability", "rawPrediction", "prediction", "n_observed"]
    loaded.stages[0].save_model(tmp_path / "m.safetensors")
    own = cf_ensemble.load(tmp_path / "m.safetensors").predict_proba(table.select(NAMES))[:, 1]
    assert np.array_equal(table["probability"].to_numpy(), own)
    area = BinaryClassificationEvaluator(labelCol="sick").evaluate(loaded.transform(frame).dropna(subset=["sick"]))
    assert area > 0.8
    with pytest.raises(DataError, match="probability"):
        loaded.transform(loaded.transform(frame))
    with pytest.raises(DataError, match="clf7"):
        loaded.transform(frame.drop("clf7"))


@pytest.mark.parametrize("wrong", [{"method": "torch"}, {"instruction_set": "sse9"}, {"method": "als", "settings": {"aggregator": {"solver": "newton"}}}])
def test_what_passes_cannot_give_is_said_before_the_first_pass(fitted, spark, tmp_path, wrong):
    frame = spark.read.parquet(*fitted.parts)
    with pytest.raises(SettingsError):
        CFEnsembleClassifier(features_col=NAMES, label_col="sick", store=tmp_path / "store", **wrong).fit(frame)
    assert not (tmp_path / "store").exists()
    with pytest.raises(SettingsError, match="store="):
        CFEnsembleClassifier(features_col=NAMES, label_col="sick").fit(frame)
    with pytest.raises(DataError, match="healthy"):
        CFEnsembleClassifier(features_col=NAMES, label_col="healthy", store=tmp_path / "store").fit(frame)


def executors() -> dict[int, psutil.Process]:
    """The JVMs of executors below this process."""
    found = {}
    for process in psutil.Process().children(recursive=True):
        try:
            if "CoarseGrainedExecutorBackend" in " ".join(process.cmdline()):
                found[process.pid] = process
        except psutil.NoSuchProcess:
            continue
    return found


def test_an_executor_killed_in_the_second_pass_changes_nothing(fitted, tmp_path, monkeypatch):
    active = SparkSession.getActiveSession()
    if active is not None:
        active.stop()
    spark = session("local-cluster[2,1,1024]")
    try:
        killed, passes, plain = [], [], _Engine.__call__

        def killing(self, request):
            passes.append(request)
            if len(passes) == 2:
                deadline = time.monotonic() + 60
                while len(executors()) < 2 and time.monotonic() < deadline:
                    time.sleep(0.2)
                pid = min(executors())
                # A stopped process finishes nothing: its task is in its hands when it goes.
                os.kill(pid, signal.SIGSTOP)
                threading.Timer(3.0, os.kill, (pid, signal.SIGKILL)).start()
                killed.append(pid)
            return plain(self, request)

        monkeypatch.setattr(_Engine, "__call__", killing)
        model = CFEnsembleClassifier(method="als", settings=SETTINGS, num_tasks=2).fit_store(spark, fitted.store)
        assert len(killed) == 1 and killed[0] not in executors()
        assert bytes_of(model, tmp_path) == fitted.model
    finally:
        spark.stop()
