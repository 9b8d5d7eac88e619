"""Data that several tests use."""

from __future__ import annotations

import pytest
from samples import Real, noisy, read_real


@pytest.fixture(scope="session")
def abalone() -> Real:
    return read_real("abalone9_18_seed0.csv.gz")


@pytest.fixture(scope="session")
def vehicle() -> Real:
    return read_real("vehicle1_seed0.csv.gz")


@pytest.fixture(scope="session")
def small():
    return noisy(300, 6)
