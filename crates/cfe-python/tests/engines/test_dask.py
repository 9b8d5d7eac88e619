"""Fits on Dask: the bits of one machine, for any number of workers, after a kill and after a new start."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("distributed")
from cf_ensemble import DataError, SettingsError
from cf_ensemble.dask import CFEnsembleClassifier
from distributed import Client, LocalCluster

from .conftest import SETTINGS, model_of_cfe


@pytest.fixture(scope="module")
def client():
    """Three processes of one thread each, reached over loopback."""
    with LocalCluster(n_workers=3, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as client:
        yield client


def bytes_of(model: CFEnsembleClassifier, folder: Path) -> bytes:
    model.save(folder / "m.safetensors")
    return (folder / "m.safetensors").read_bytes()


def test_the_model_is_that_of_the_program_for_any_number_of_workers_and_tasks(fitted, client, tmp_path):
    for tasks in (None, 1, 2, 7):
        model = CFEnsembleClassifier(method="als", settings=SETTINGS).fit(fitted.store, client=client, tasks=tasks)
        assert bytes_of(model, tmp_path) == fitted.model, tasks
    with LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=":0") as cluster, Client(cluster) as other:
        model = CFEnsembleClassifier(method="als", settings=SETTINGS).fit(fitted.store, client=other)
        assert bytes_of(model, tmp_path) == fitted.model
    assert model.fit_info_["iterations"] == SETTINGS["max_iterations"]


def test_files_and_data_frames_become_the_same_store(fitted, client, tmp_path):
    import dask.dataframe as dd

    wanted = json.loads((fitted.store / "store.json").read_text())["fingerprint"]
    frame = dd.read_parquet(fitted.parts).repartition(npartitions=11)
    for name, data in {"files": fitted.parts, "frame": frame}.items():
        store = tmp_path / name
        model = CFEnsembleClassifier(method="als", settings=SETTINGS).fit(data, label="sick", store=store, client=client)
        assert json.loads((store / "store.json").read_text())["fingerprint"] == wanted
        assert bytes_of(model, tmp_path) == model_of_cfe(fitted.cfe, store)
        assert sorted(path.name for path in tmp_path.glob(f"{name}*")) == [name], "what was written on the way is gone"


def test_the_recommended_combiner_is_that_of_the_program(fitted, client, tmp_path):
    # More rows are labeled than the members learn from: three passes and, with missing cells, three more.
    settings = {"max_instances": 3000}
    wanted = model_of_cfe(fitted.cfe, fitted.store, method="recommended", settings=settings)
    for tasks in (None, 3):
        model = CFEnsembleClassifier(settings=settings).fit(fitted.store, client=client, tasks=tasks)
        assert bytes_of(model, tmp_path) == wanted, tasks
    assert model.coef_.shape == (1, 8)
    assert 0 < model.predict_proba(fitted.store)[:, 1].compute().mean() < 0.2


def test_a_pinned_instruction_set_gives_the_bits_of_a_machine_without_a_better_one(fitted, tmp_path):
    wanted = model_of_cfe(fitted.cfe, fitted.store, "--instruction-set", "scalar")
    line = [sys.executable, "-c", PINNED.format(settings=SETTINGS), str(fitted.store), str(tmp_path / "pinned.safetensors")]
    subprocess.run(line, check=True)
    assert (tmp_path / "pinned.safetensors").read_bytes() == wanted


# In a driver and workers of its own, as the set holds for the rest of a process.
PINNED = """
import sys
from cf_ensemble.dask import CFEnsembleClassifier
from distributed import Client, LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as client:
        model = CFEnsembleClassifier(method="als", settings={settings}, instruction_set="scalar")
        model.fit(sys.argv[1], client=client).save(sys.argv[2])
"""


class KillsInPass:
    """A client that stops a worker before the second pass, hands it its task, and then kills it."""

    def __init__(self, client: Client, number: int) -> None:
        self.client, self.number, self.killed = client, number, None

    def __getattr__(self, name):
        return getattr(self.client, name)

    def submit(self, *args, workers, key, **kwargs):
        if f"-pass-{self.number}-" in key and self.killed is None:
            self.killed = self.client.run(os.getpid, workers=workers)[workers[0]]
            # A stopped process finishes nothing: the task is in the worker's hands when the worker goes.
            os.kill(self.killed, signal.SIGSTOP)
        return self.client.submit(*args, workers=workers, key=key, **kwargs)

    def gather(self, futures):
        if self.killed is not None and self.number > 0:
            os.kill(self.killed, signal.SIGKILL)
            self.number = 0
        return self.client.gather(futures)


def test_a_worker_killed_in_the_second_pass_changes_nothing(fitted, tmp_path):
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as client:
        before = set(client.run(os.getpid).values())
        killing = KillsInPass(client, 2)
        model = CFEnsembleClassifier(method="als", settings=SETTINGS).fit(fitted.store, client=killing)
        assert killing.killed in before
        client.wait_for_workers(2)
        assert killing.killed not in client.run(os.getpid).values()
    assert bytes_of(model, tmp_path) == fitted.model


DRIVER = """
import os, signal, sys
from cf_ensemble.dask import CFEnsembleClassifier
from distributed import Client
def progress(done, total, loss):
    if done == 3:
        os.kill(os.getpid(), signal.SIGKILL)
CFEnsembleClassifier(method="als", settings={settings}).fit(sys.argv[1], client=Client(sys.argv[2]), checkpoint=sys.argv[3], progress=progress)
"""


def test_a_driver_that_died_goes_on_from_its_checkpoint(fitted, client, tmp_path):
    checkpoint = tmp_path / "fit.state"
    line = [sys.executable, "-c", DRIVER.format(settings=SETTINGS), str(fitted.store), client.scheduler.address, str(checkpoint)]
    assert subprocess.run(line, check=False).returncode == -signal.SIGKILL
    assert checkpoint.exists()
    with pytest.raises(SettingsError, match="resume="):
        CFEnsembleClassifier(method="als", settings=SETTINGS).fit(fitted.store, client=client, checkpoint=checkpoint)
    done = []
    model = CFEnsembleClassifier(method="als", settings=SETTINGS)
    model.fit(fitted.store, client=client, checkpoint=checkpoint, resume=True, progress=lambda k, *_: done.append(k))
    assert min(k for k in done if k) >= 3
    assert bytes_of(model, tmp_path) == fitted.model


@pytest.mark.parametrize(
    "wrong",
    [{"method": "torch"}, {"instruction_set": "sse9"}, {"method": "als", "settings": {"aggregator": {"solver": "newton"}}}, {"settings": {"latent_dim": 0}}],
)
def test_what_passes_cannot_give_is_said_before_the_first_pass(fitted, client, tmp_path, wrong):
    with pytest.raises(SettingsError):
        CFEnsembleClassifier(**wrong).fit(fitted.parts, label="sick", store=tmp_path / "store", client=client)
    assert not (tmp_path / "store").exists()


def test_what_is_wrong_with_a_store_comes_from_the_workers_by_name(fitted, client, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(fitted.store, store)
    shard = store / "shard-000001.arrow"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match="shard-000001"):
        CFEnsembleClassifier(method="als", settings=SETTINGS).fit(store, client=client)
    with pytest.raises(SettingsError, match="store="):
        CFEnsembleClassifier().fit(fitted.parts, client=client)
    with pytest.raises(DataError, match="dask DataFrame"):
        CFEnsembleClassifier().fit(np.zeros((3, 2)), client=client)


def test_predictions_are_those_of_one_machine(fitted, client, tmp_path):
    import cf_ensemble
    import dask.dataframe as dd

    (tmp_path / "m.safetensors").write_bytes(fitted.model)
    model = CFEnsembleClassifier.load(tmp_path / "m.safetensors")
    frame = dd.read_parquet(fitted.parts)
    own = cf_ensemble.load(tmp_path / "m.safetensors").predict_proba(frame.compute())
    found = model.predict_proba(fitted.parts).compute()
    assert np.array_equal(found, own)
    assert np.array_equal(model.predict_proba(frame).compute(), own)
    # A store holds the probabilities with 7 digits.
    assert np.abs(model.predict_proba(fitted.store).compute() - own).max() < 1e-5
    assert np.array_equal(model.predict(frame).compute(), own[:, 1] > 0.5)
