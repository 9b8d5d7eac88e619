"""A table in parts, its prepared store, and the model that the program ``cfe`` fits to it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")

ROWS = int(os.environ.get("CFE_ROWS", "200000"))
SETTINGS = {"latent_dim": 4, "max_iterations": 6, "tolerance": 0}


def table(first: int, rows: int) -> pa.Table:
    """Rows of a table that no cut into parts changes: 8 classifiers, some cells missing, half of the rows labeled."""
    columns = {}
    i = np.arange(first, first + rows, dtype=np.uint64)

    def uniform(stream: int) -> np.ndarray:
        # SplitMix64 of the row's number (Steele, Lea and Flood, OOPSLA 2014).
        z = (i * np.uint64(64) + np.uint64(stream + 1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return (z ^ (z >> np.uint64(31))) / 2.0**64

    positive = uniform(0) < 0.05
    for j in range(8):
        noise = uniform(2 * j + 1) + uniform(2 * j + 2) - 1
        p = 1 / (1 + np.exp(-(4.0 * positive - 3.0 + (2 + j / 4) * noise)))
        columns[f"clf{j}"] = pa.array(p, mask=uniform(40 + j) < 0.02)
    columns["sick"] = pa.array(positive.astype(np.int8), mask=uniform(60) < 0.5)
    columns["row"] = pa.array([f"r{k:09d}" for k in range(first, first + rows)])
    return pa.table(columns)


class Fitted(NamedTuple):
    """What the program made."""

    parts: list[str]
    store: Path
    model: bytes
    cfe: str


def run(*line: object) -> None:
    subprocess.run([str(word) for word in line], check=True)


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """The store and the model of ``cfe``, which the environment variable CFE names."""
    import pyarrow.parquet

    cfe = os.environ.get("CFE")
    if cfe is None:
        pytest.skip("CFE names no program to compare with; `cargo xtask dask` and `cargo xtask spark` set it")
    folder = tmp_path_factory.mktemp("table")
    parts, first = [], 0
    # Parts of different lengths, none of which is that of a shard.
    for number, share in enumerate([0.31, 0.02, 0.4, 0.27]):
        rows = ROWS - first if number == 3 else int(ROWS * share)
        parts.append(str(folder / f"part-{number}.parquet"))
        pyarrow.parquet.write_table(table(first, rows), parts[-1], row_group_size=50_000)
        first += rows
    store = folder / "store"
    run(cfe, "prepare", *parts, "--store", store, "--label-column", "sick")
    return Fitted(parts, store, model_of_cfe(cfe, store), cfe)


def model_of_cfe(cfe: str, store: Path, *options: str, method: str = "als", settings: dict = SETTINGS) -> bytes:
    """The model file of ``cfe fit`` on a store."""
    model = store.parent / "model.safetensors"
    settings = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    run(cfe, "fit", store, "--trainer", method, *settings, *options, "--model-out", model)
    return model.read_bytes()
