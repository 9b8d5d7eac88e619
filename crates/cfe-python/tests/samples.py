"""Tables of tests/data, and made ones; for benchmarks as well, so nothing here needs pytest."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "tests" / "data"


class Real(NamedTuple):
    """A table of tests/data."""

    path: Path
    names: list[str]
    train: np.ndarray
    y_train: np.ndarray
    test: np.ndarray
    y_test: np.ndarray


def read_real(name: str) -> Real:
    path = DATA / name
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file))
    names = [column for column in rows[0] if column not in ("instance_id", "label", "split")]
    matrix = np.array([[float(row[name]) if row[name] else np.nan for name in names] for row in rows])
    label = np.array([int(row["label"]) for row in rows])
    train = np.array([row["split"] == "train" for row in rows])
    return Real(path, names, matrix[train], label[train], matrix[~train], label[~train])


def noisy(n: int, m: int, *, seed: int = 0, prevalence: float = 0.2, strength: float = 2.0):
    """Labels, and the probabilities of m classifiers that see them through noise."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < prevalence).astype(int)
    logits = strength * y[:, None] - 2 + rng.normal(size=(n, m)) + 0.5 * rng.normal(size=(n, 1))
    return 1 / (1 + np.exp(-logits)), y
