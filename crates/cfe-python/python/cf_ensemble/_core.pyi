from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "HAIR",
    "Fit",
    "Model",
    "Store",
    "Table",
    "TableFit",
    "Training",
    "__version__",
    "check_plan",
    "fit",
    "measure",
    "train",
]
__version__: str
HAIR: float

_Matrix = NDArray[np.float64] | NDArray[np.float32] | Sequence[NDArray[np.float64]]
_Column = NDArray[Any] | Sequence[str | None]
_Progress = Callable[..., object]

@final
class Model:
    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self: ...
    @classmethod
    def from_bytes(cls, content: bytes) -> Self: ...
    def save(self, path: str | PathLike[str]) -> None: ...
    def to_bytes(self) -> bytes: ...
    def __reduce__(self) -> tuple[Any, tuple[bytes]]: ...
    @property
    def classifier_names(self) -> list[str]: ...
    @property
    def threshold(self) -> float | None: ...
    @property
    def details(self) -> str: ...
    @property
    def trust(self) -> str: ...
    @property
    def family_shares(self) -> str | None: ...
    @property
    def weights(self) -> NDArray[np.float64]: ...
    def with_note(self, key: str, value: str) -> Model: ...
    def predict(
        self, predictions: _Matrix, *, threads: int = 0, row_names: Any = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]: ...

    def train_row_share(self, predictions: _Matrix) -> float | None: ...
    def explain(
        self, predictions: _Matrix, *, threads: int = 0, row_names: Any = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...

@final
class Fit:
    @property
    def model(self) -> Model: ...
    @property
    def n_folds(self) -> int: ...
    @property
    def facts(self) -> str: ...
    @property
    def cut(self) -> str | None: ...
    @property
    def out_of_fold_logits(self) -> NDArray[np.float64] | None: ...

def fit(
    predictions: _Matrix,
    labels: NDArray[np.int8],
    classifier_names: Sequence[str],
    *,
    method: str = "recommended",
    settings: str = "{}",
    seed: int = 0,
    sample_weight: NDArray[np.float64] | None = None,
    folds: NDArray[np.int64] | None = None,
    n_folds: int | None = None,
    threshold: str = "f1",
    threads: int = 0,
    progress: _Progress | None = None,
    row_names: Any = None,
) -> Fit: ...

@final
class Store:
    @staticmethod
    def is_store(path: str | PathLike[str]) -> bool: ...
    @staticmethod
    def open(path: str | PathLike[str]) -> Store: ...
    @staticmethod
    def prepare(
        tables: Sequence[str | PathLike[str]],
        folder: str | PathLike[str],
        options: str = "{}",
        *,
        double: bool = False,
        threads: int = 0,
    ) -> tuple[Store, list[str]]: ...
    @property
    def folder(self) -> Path: ...
    @property
    def classifier_names(self) -> list[str]: ...
    @property
    def rows(self) -> int: ...
    @property
    def shards(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...
    def rows_of(self, shard: int) -> int: ...
    def predictions(self, shard: int) -> NDArray[np.float64]: ...
    def statistics(self, request: bytes, first: int, end: int, *, threads: int = 0) -> bytes: ...
    def fit(
        self,
        run_pass: Callable[[bytes], Sequence[bytes]],
        options: str = "{}",
        *,
        resume: bool = False,
        threads: int = 0,
        progress: _Progress | None = None,
    ) -> Model: ...

def check_plan(options: str, *, resume: bool = False) -> None: ...

@final
class Table:
    @staticmethod
    def read(path: str | PathLike[str], options: str = "{}", *, model: Model | None = None) -> Table: ...
    @staticmethod
    def from_stream(stream: Any, name: str, options: str = "{}", *, model: Model | None = None) -> Table: ...
    @staticmethod
    def from_columns(
        columns: Sequence[tuple[str, _Column]], name: str, options: str = "{}", *, model: Model | None = None
    ) -> Table: ...
    @staticmethod
    def from_arrays(
        predictions: _Matrix,
        labels: NDArray[np.int8],
        classifier_names: Sequence[str],
        name: str,
        *,
        row_names: Any = None,
    ) -> Table: ...
    @property
    def name(self) -> str: ...
    @property
    def classifier_names(self) -> list[str]: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def predictions(self) -> NDArray[np.float64]: ...
    @property
    def labels(self) -> NDArray[np.int8]: ...
    @property
    def in_train(self) -> NDArray[np.bool_]: ...
    @property
    def split(self) -> list[str] | None: ...
    @property
    def sample_weight(self) -> NDArray[np.float64] | None: ...
    @property
    def folds(self) -> list[str] | None: ...
    @property
    def groups(self) -> list[str] | None: ...
    @property
    def ids(self) -> list[str] | None: ...
    @property
    def warnings(self) -> list[str]: ...
    @property
    def taken(self) -> str: ...
    @property
    def passed_over(self) -> list[tuple[str, str]]: ...
    def findings(self) -> str: ...
    def fit(self, options: str = "{}", *, threads: int = 0, progress: _Progress | None = None) -> TableFit: ...
    def evaluate(self, model: Model, *, threads: int = 0) -> str: ...

@final
class TableFit:
    @property
    def model(self) -> Model: ...
    @property
    def table(self) -> Table: ...
    @property
    def probabilities(self) -> NDArray[np.float64]: ...
    @property
    def out_of_fold(self) -> NDArray[np.float64] | None: ...
    @property
    def cut(self) -> str | None: ...
    @property
    def n_folds(self) -> int: ...
    def metrics(self, *, threads: int = 0, progress: _Progress | None = None) -> str: ...
    def report(self, *, threads: int = 0, progress: _Progress | None = None) -> str: ...

@final
class Training:
    @property
    def model(self) -> Model: ...
    @property
    def facts(self) -> str: ...
    @property
    def losses(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]: ...
    @property
    def trace(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]: ...

def measure(
    labels: NDArray[np.int8],
    methods: Sequence[tuple[str, NDArray[np.float64], NDArray[np.float64] | None]],
    *,
    cut: str | None = None,
    seed: int = 0,
    threads: int = 0,
) -> str: ...
def train(
    trainer: str,
    predictions: _Matrix,
    labels: NDArray[np.int8],
    classifier_names: Sequence[str],
    *,
    settings: str = "{}",
    seed: int = 0,
    sample_weight: NDArray[np.float64] | None = None,
    trace: bool = True,
    threads: int = 0,
    progress: _Progress | None = None,
    row_names: Any = None,
) -> Training: ...
