"""What a pass costs on an engine of many processes: wall clock, processor time, bytes; and one with nothing to do.

``cargo xtask dask --figures`` and ``cargo xtask spark --figures`` run it; its figures are in docs/beyond-memory.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
from cf_ensemble import _core
from cf_ensemble._shards import Plan

SETTINGS = {"latent_dim": 8, "max_iterations": 8, "tolerance": 0}


def cpu() -> float:
    """Processor time so far of this process and all below it, in seconds."""
    total = 0.0
    own = psutil.Process()
    for process in [own, *own.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def forget(folder: Path) -> None:
    """Asks the operating system to keep nothing of the files of a store in memory."""
    os.sync()  # What is not written yet would stay.
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def report(
    name: str, run_pass: Callable[[bytes], list[bytes]], store: _core.Store, cold: Path | None = None
) -> None:
    """Fits, and prints the median of the passes after the first three, which also check hashes.

    Every pass reads the store ``cold`` from the disk.
    """
    rows = []

    def timed(request: bytes) -> list[bytes]:
        if cold is not None:
            forget(cold)
        wall, used = time.perf_counter(), cpu()
        parts = run_pass(request)
        rows.append((time.perf_counter() - wall, cpu() - used, len(request), sum(map(len, parts)), len(parts)))
        return parts

    Plan("als", SETTINGS, None, None, False).fit(store, timed, None)
    wall, used, sent, back, tasks = np.median(np.array(rows[3:]), axis=0)
    least = min(row[0] for row in rows[3:])
    print(
        f"| {name} | {int(tasks)} | {1e3 * wall:.0f} | {1e3 * least:.0f} | {1e3 * used:.0f} | "
        f"{used / store.rows * 1e6:.2f} | {sent / 1e3:.1f} | {back / 1e3:.1f} |",
        flush=True,
    )


def empty(name: str, run: Callable[[int], object], tasks: int) -> None:
    """The least wall-clock time, and the median of the processor time, of 12 passes with nothing to do."""
    walls, used = [], []
    for _ in range(12):
        wall, before = time.perf_counter(), cpu()
        run(tasks)
        walls.append(time.perf_counter() - wall)
        used.append(cpu() - before)
    print(f"| {name} | {tasks} | {1e3 * min(walls):.0f} | {1e3 * np.median(used):.0f} |", flush=True)


def nothing(_: object = None) -> bytes:
    """A task that gives as many bytes as the sums of 20 classifiers and 8 factors."""
    return bytes(7300)


@contextmanager
def on_dask() -> Iterator[None]:
    """Dask with two processes of one thread each."""
    from cf_ensemble.dask import _Engine
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as client:
        yield (
            lambda store, tasks: _Engine(client, store, tasks),
            lambda tasks: client.gather([client.submit(nothing, k, pure=False) for k in range(tasks)]),
        )


@contextmanager
def on_spark() -> Iterator[None]:
    """Spark in one JVM with two threads, and a Python process for each."""
    import pyarrow as pa
    from cf_ensemble.spark import _Engine
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    quiet = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
    spark = SparkSession.builder.master("local[2]").config(map=quiet).getOrCreate()

    def answers(batches):
        for batch in batches:
            yield pa.RecordBatch.from_arrays([pa.array([nothing()] * len(batch), pa.binary())], ["statistics"])

    try:
        yield (
            lambda store, tasks: _Engine(spark, store, tasks),
            lambda tasks: spark.range(0, tasks, 1, tasks).mapInArrow(answers, "statistics binary").toArrow(),
        )
    finally:
        spark.stop()


ENGINES = {"dask": on_dask, "spark": on_spark}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("--cfe", required=True)
    parser.add_argument("--rows", type=int, nargs="*", default=[2_000_000, 20_000_000])
    args = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as folder, ENGINES[args.engine]() as (engine, run):
        print("| engine | tasks | wall ms | least ms | CPU ms | CPU us a row | KB out | KB back |\n|---|---|---|---|---|---|---|---|")
        for rows in args.rows:
            place = Path(folder, str(rows))
            place.mkdir()
            subprocess.run([args.cfe, "example", place, "--rows", str(rows)], check=True, stdout=subprocess.DEVNULL)
            table, store = next(place.glob("*.csv")), place / "store"
            subprocess.run([args.cfe, "prepare", table, "--store", store], check=True, stdout=subprocess.DEVNULL)
            table.unlink()
            opened = _core.Store.open(store)
            report(f"this process, {rows} rows", lambda r, s=opened: [s.statistics(r, 0, s.shards)], opened)
            for tasks in (2, 8):
                report(f"{args.engine}, {rows} rows", engine(opened, tasks), opened)
            report(f"{args.engine}, {rows} rows from the disk", engine(opened, 2), opened, store)
        print("| empty pass | tasks | least wall ms | CPU ms |\n|---|---|---|---|")
        for tasks in (2, 16, 64):
            empty(args.engine, run, tasks)


if __name__ == "__main__":
    main()
