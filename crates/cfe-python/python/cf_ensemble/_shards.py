"""A fit as passes over a prepared store: what the adapters of engines share."""

from __future__ import annotations

import glob
import json
import os
import shutil
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._how import settings_json
from ._labels import seed_of
from ._progress import ProgressCallback, listener
from ._tables import Columns, options_of
from .errors import DataError, SettingsError, warn

#: Runs a pass: the bytes of a request in, those of the statistics of all shards out, in any number of parts.
RunPass = Callable[[bytes], list[bytes]]


class Plan:
    """What is asked of a fit. It is checked before a table is prepared or a worker is started."""

    def __init__(
        self,
        method: str,
        settings: dict[str, Any] | None,
        random_state: Any,
        checkpoint: str | os.PathLike[str] | None,
        resume: bool,
        instruction_set: str | None = None,
    ) -> None:
        # The keys of `cfe fit STORE`, so that the model file is the same to the byte.
        options: dict[str, Any] = {"trainer": method, "seed": seed_of(random_state)}
        if settings:
            options["set"] = dict(settings)
        if checkpoint is not None:
            options["checkpoint"] = os.fspath(checkpoint)
        elif resume:
            raise SettingsError("resume=True needs the file to resume from: give it with checkpoint=")
        self.options = settings_json(options)
        self.resume = resume
        self.instruction_set = instruction_set
        _core.check_plan(self.options, resume=resume)
        if instruction_set is not None:
            # The driver solves with it as well.
            _core.pin_instruction_set(instruction_set)

    def fit(self, store: _core.Store, run_pass: RunPass, progress: bool | ProgressCallback | None) -> _core.Model:
        """Runs the passes, on the thread that calls."""
        return store.fit(run_pass, self.options, resume=self.resume, progress=listener(progress))


def paths_of(data: Any) -> list[str] | None:
    """The files and folders that ``data`` names, sorted where a pattern does; None where it is something else."""
    if isinstance(data, (str, os.PathLike)):
        data = [data]
    if not isinstance(data, (list, tuple)) or not all(isinstance(path, (str, os.PathLike)) for path in data):
        return None
    found: list[str] = []
    for path in map(os.fspath, data):
        matched = sorted(glob.glob(path)) if glob.has_magic(path) and not os.path.exists(path) else [path]
        if not matched:
            raise DataError(f"{path}: no file matches; name files, folders or another pattern")
        found += matched
    if not found:
        raise DataError("there is no table to fit: name at least one file")
    return found


def store_of(paths: Sequence[str], folder: str | os.PathLike[str] | None, **columns: Unpack[Columns]) -> _core.Store:
    """The store that is named, or one that is prepared from tables in ``folder``."""
    if len(paths) == 1 and _core.Store.is_store(paths[0]):
        given = sorted(key for key, value in columns.items() if value is not None)
        if given:
            raise SettingsError(f"{paths[0]}: the columns were fixed when the store was prepared; leave out {', '.join(given)}")
        return _core.Store.open(paths[0])
    if folder is None:
        raise SettingsError("store= is missing: name a new folder that all workers see, for the prepared rows")
    store, warnings = _core.Store.prepare(list(paths), folder, options_of(columns))
    for text in warnings:
        warn(text)
    return store


def store_of_frame(
    write: Callable[[str], object], folder: str | os.PathLike[str], **columns: Unpack[Columns]
) -> _core.Store:
    """The store that is prepared in ``folder`` from the rows of a data frame, which ``write`` puts into a folder as Parquet."""
    rows = f"{os.path.abspath(os.fspath(folder))}.rows"
    if os.path.exists(rows):
        raise SettingsError(f"{rows}: the rows of the data frame go there for a while; remove what is there, or name another store")
    try:
        write(rows)
        parts = sorted(glob.glob(os.path.join(glob.escape(rows), "*.parquet")))
        if not parts:
            raise DataError(f"{rows}: no rows were written that the driver sees; name a store in a folder that all machines share")
        return store_of(parts, folder, **columns)
    finally:
        shutil.rmtree(rows, ignore_errors=True)


def runs(shards: int, parts: int) -> list[tuple[int, int]]:
    """The shards in at most ``parts`` runs of about equal length, as (first, end)."""
    parts = max(1, min(shards, parts))
    edges = [shards * part // parts for part in range(parts + 1)]
    return list(zip(edges, edges[1:], strict=False))


@lru_cache(maxsize=4)
def _opened(folder: str, fingerprint: str) -> _core.Store:
    """The store as this process sees it; each shard is hashed once for a process."""
    store = _core.Store.open(folder)
    if store.fingerprint != fingerprint:
        raise DataError(f"{folder}: here lies another store than on the driver; all workers must see the folder of the driver")
    return store


class Task:
    """What a worker does in a pass; travels to it as it is.

    Nothing is kept between passes but the knowledge that a shard is sound: the shards are read from the folder, and the
    operating system keeps in memory what there is room for.
    """

    def __init__(self, store: _core.Store, instruction_set: str | None = None) -> None:
        self.instruction_set = instruction_set
        self.folder = os.path.abspath(store.folder)
        self.fingerprint = store.fingerprint
        self.version = _core.__version__

    def __call__(self, request: bytes, first: int, end: int, threads: int) -> bytes:
        if self.instruction_set is not None:
            _core.pin_instruction_set(self.instruction_set)
        return self._store().statistics(request, first, end, threads=threads)

    def probabilities(self, model: _core.Model, shard: int) -> NDArray[np.float64]:
        """Of negative and positive, for each row of a shard."""
        store = self._store()
        matrix = store.predictions(shard)
        if store.classifier_names != model.classifier_names:
            places = {name: place for place, name in enumerate(store.classifier_names)}
            missing = [name for name in model.classifier_names if name not in places]
            if missing:
                raise DataError(f"{self.folder}: the store has no column for the classifiers {', '.join(missing)} of the model")
            matrix = matrix[:, [places[name] for name in model.classifier_names]]
        positive = model.predict(matrix, threads=1)[1]
        return np.column_stack([1 - positive, positive])

    def _store(self) -> _core.Store:
        if self.version != _core.__version__:
            raise SettingsError(
                f"this worker has cf_ensemble {_core.__version__} and the driver {self.version}; install one version everywhere"
            )
        return _opened(self.folder, self.fingerprint)


def facts_of(model: _core.Model) -> dict[str, Any]:
    """What a fit tells about itself: iterations, stop reason, loss."""
    facts: dict[str, Any] = json.loads(model.details).get("provenance", {}).get("fit", {})
    return facts
