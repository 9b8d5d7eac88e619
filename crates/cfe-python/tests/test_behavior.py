"""Signals, threads, processes, and the cost of importing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import cf_ensemble
import numpy as np
import pytest
from cf_ensemble import CFEnsembleClassifier
from samples import noisy

LONG = {"method": "als", "settings": {"max_iterations": 1_000_000, "tolerance": 0.0}}


def interrupt_after(seconds: float) -> None:
    # A shell starts what runs in its background with the signal ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def send() -> None:
        time.sleep(seconds)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=send, daemon=True).start()


@pytest.fixture(scope="module")
def large():
    return noisy(50_000, 40)


def calls(large, tmp_path):
    """Calls that take seconds, by name."""
    P, y = large
    many = np.tile(P, (40, 1))
    header = ",".join(["label", *(f"clf_{j}" for j in range(40))])
    rows = "\n".join(",".join(map(repr, row)) for row in np.column_stack([y, P])[:5000].tolist())
    file = tmp_path / "table.csv"
    file.write_text(header + ("\n" + rows) * 40)
    recommended = CFEnsembleClassifier().fit(P[:2000], y[:2000])
    table = cf_ensemble.fit(P, y, method="als", settings={"max_iterations": 2})
    return {
        "fit, recommended": lambda: CFEnsembleClassifier().fit(P, y),
        # A million iterations: a fit that is not stopped does not come back.
        "fit, als": lambda: CFEnsembleClassifier(**LONG).fit(P, y),
        "als": lambda: cf_ensemble.als(P, y, max_iterations=1_000_000, tolerance=0.0),
        "fit of a table": lambda: cf_ensemble.fit(P, y),
        "predict": lambda: recommended.predict_proba(many),
        "explain": lambda: recommended.explain(many),
        "metrics": table.metrics,
        "report": table.report,
        "evaluate": lambda: cf_ensemble.evaluate(np.tile(y, 40), {"a": many[:, 0], "b": many[:, 1]}),
        "read": lambda: cf_ensemble.read(file),
    }


def test_ctrl_c_stops_every_call(large, tmp_path):
    for name, call in calls(large, tmp_path).items():
        interrupt_after(0.3)
        with pytest.raises(KeyboardInterrupt):
            call()
            time.sleep(1)  # on a machine where the call takes less than the signal
            pytest.fail(f"{name} was not interrupted")
        # What was left to itself hinders nothing.
        assert CFEnsembleClassifier(method="als").fit(large[0][:200], large[1][:200]).n_folds_ == 5, name


def test_an_exception_of_the_callable_comes_out_unchanged(small):
    class Mine(Exception):
        pass

    mine = Mine("enough")

    def callback(done, total, loss):
        if done == 3:
            raise mine

    with pytest.raises(Mine) as raised:
        CFEnsembleClassifier(**LONG).fit(*small, progress=callback)
    assert raised.value is mine


def test_the_callable_runs_where_it_was_handed_over_and_may_predict(small):
    P, y = small
    other = CFEnsembleClassifier(n_jobs=1).fit(P, y)
    threads = set()

    def callback(done, total, loss):
        threads.add(threading.get_ident())
        other.predict_proba(P[:3])

    CFEnsembleClassifier(method="als", settings={"max_iterations": 3}, n_jobs=1).fit(P, y, progress=callback)
    assert threads == {threading.get_ident()}


def test_other_threads_run_meanwhile():
    P, y = noisy(3000, 10)
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.wait(0.001):
            ticks += 1

    ticker = threading.Thread(target=tick)
    ticker.start()
    CFEnsembleClassifier().fit(P, y)
    done.set()
    ticker.join()
    assert ticks > 20


def predict_in_child(model: CFEnsembleClassifier, P: np.ndarray) -> np.ndarray:
    return model.predict_proba(P)


@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_children_predict_and_fit(start, small):
    P, y = small
    model = CFEnsembleClassifier().fit(P, y)  # the parent has a pool now
    expected = model.predict_proba(P)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(start)) as pool:
        predicted = pool.submit(predict_in_child, model, P)
        fitted = pool.submit(CFEnsembleClassifier().fit, P, y)
        assert np.array_equal(predicted.result(timeout=120), expected)
        assert np.array_equal(fitted.result(timeout=120).predict_proba(P), expected)


def test_several_threads_at_once(small):
    P, y = small
    expected = CFEnsembleClassifier().fit(P, y).predict_proba(P)

    def work(n_jobs: int) -> np.ndarray:
        return CFEnsembleClassifier(n_jobs=n_jobs).fit(P, y).predict_proba(P)

    with ThreadPoolExecutor(4) as pool:
        for predicted in pool.map(work, [1, 1, 2, 2]):
            assert np.array_equal(predicted, expected)


def test_more_threads_than_any_machine_has(small):
    P, y = small
    model = CFEnsembleClassifier(method="als", n_jobs=10**9).fit(P, y)
    assert np.array_equal(model.predict_proba(P), CFEnsembleClassifier(method="als").fit(P, y).predict_proba(P))


def test_joblib(small):
    from sklearn.model_selection import cross_val_score

    P, y = small
    alone = cross_val_score(CFEnsembleClassifier(), P, y, cv=3, scoring="neg_log_loss")
    together = cross_val_score(CFEnsembleClassifier(), P, y, cv=3, scoring="neg_log_loss", n_jobs=2)
    assert np.array_equal(alone, together)


def test_importing_brings_nothing_heavy():
    code = """
        import sys
        import cf_ensemble
        heavy = {"sklearn", "scipy", "pandas", "matplotlib", "tqdm", "joblib", "pyarrow"}
        print(sorted(heavy & set(sys.modules)))
        assert "CFEnsembleClassifier" in dir(cf_ensemble)
    """
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "[]"
