"""Fits over the workers of a Dask cluster.

The rows lie in a prepared store, a folder that all workers see. Each pass of a fit sends a few KB to the workers, each
of which adds up its shards and sends a few KB back; the driver solves for the next parameters. The model is the same to
the byte for any number of workers, and as that of ``cfe fit STORE`` on one machine. If a worker is lost, Dask runs its
task again elsewhere.

>>> from dask.distributed import Client  # doctest: +SKIP
>>> from cf_ensemble.dask import CFEnsembleClassifier
>>> client = Client("tcp://scheduler:8786")  # doctest: +SKIP
>>> model = CFEnsembleClassifier(random_state=0)
>>> model.fit("parts/*.parquet", label="sick", store="/shared/store", client=client)  # doctest: +SKIP
>>> model.predict_proba("new/*.parquet")  # doctest: +SKIP

Needs the extra: ``pip install 'cf-ensemble[dask]'``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self, Unpack

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from . import _core
from ._ensemble import Ensemble
from ._model_file import SavedCombiner, settings_of
from ._progress import ProgressCallback
from ._shards import Plan, Task, facts_of, paths_of, runs, store_of, store_of_frame
from ._tables import Columns
from .errors import DataError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distributed import Client

__all__ = ["CFEnsembleClassifier"]


class CFEnsembleClassifier(SavedCombiner, BaseEstimator):
    """Combines the probabilities of trained classifiers, on a Dask cluster.

    Parameters
    ----------
    method : {"recommended", "als"}, default="recommended"
        How the model is found: what can be fitted in passes over shards. "recommended" fits its members on the driver, to
        the labeled rows or a sample of them.
    settings : dict, default=None
        Settings of the method by name, as in ``cfe fit --set``: ``{"latent_dim": 8}``. Those that need all rows at once
        are refused before the first pass.
    random_state : int, default=None
        Seed of the start; None is 0.
    instruction_set : {"scalar", "16-byte", "x86-64-v3", "x86-64-v4"}, default=None
        What all machines compute with, where some have a better set than others: the bits depend on it. It holds for the
        rest of each process. None is the best one of each machine.
    verbose : int, default=0
        Above 0, a bar of tqdm shows the progress.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        0 and 1.
    feature_names_in_ : ndarray of shape (m,)
        Names of the classifiers.
    coef_ : ndarray of shape (1, m)
        Weight of each classifier.
    fit_info_ : dict
        Iterations, stop reason and loss.
    store_ : str
        Folder of the prepared store.
    combiner_ : Model
        The fitted combiner.
    """

    def __init__(
        self,
        *,
        method: str = "recommended",
        settings: dict[str, Any] | None = None,
        random_state: Any = None,
        instruction_set: str | None = None,
        verbose: int = 0,
    ) -> None:
        self.instruction_set = instruction_set
        self.method = method
        self.settings = settings
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        data: Any,
        *,
        store: str | os.PathLike[str] | None = None,
        client: Client | None = None,
        tasks: int | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool = False,
        progress: bool | ProgressCallback | None = None,
        **columns: Unpack[Columns],
    ) -> Self:
        """Fits the combiner.

        Parameters
        ----------
        data : dask DataFrame, path, list of paths or pattern
            Out-of-fold probabilities, a column for each classifier, and labels. Tables are prepared once, by the driver; the
            folder of a prepared store is taken as it is.
        store : str or path-like, default=None
            New folder for the prepared store, which all workers must see. A dask DataFrame is first written beside it.
        client : distributed.Client, default=None
            The cluster; None is the present client.
        tasks : int, default=None
            Tasks of a pass; None is one for each worker, which works with all of its threads. The model does not depend
            on it.
        checkpoint : str or path-like, default=None
            File of the driver that keeps the progress of the fit, some KB.
        resume : bool, default=False
            Whether to go on from the checkpoint, if the file exists, to the same bits as an unbroken fit.
        progress : bool or callable, default=None
            True shows a bar of tqdm. A callable gets ``(done, total, loss)``.
        **columns
            What the columns mean, as in :func:`cf_ensemble.read`: ``label="sick", exclude="age"``.

        Returns
        -------
        CFEnsembleClassifier
            This estimator.

        Raises
        ------
        DataError
            A table that cannot be learned from, or a store that was changed.
        SettingsError
            Settings that cannot be fitted in passes over shards, and values out of range.
        """
        plan = Plan(self.method, self.settings, self.random_state, checkpoint, resume, self.instruction_set)
        client = _client(client)
        prepared = self._prepared(data, store, client, columns)
        engine = _Engine(client, prepared, tasks, self.instruction_set)
        model = plan.fit(prepared, engine, bool(self.verbose) if progress is None else progress)
        self._set_combiner(model)
        self.store_ = os.fspath(prepared.folder)
        return self

    def _prepared(self, data: Any, store: Any, client: Client, columns: Columns) -> _core.Store:
        paths = paths_of(data)
        if paths is not None:
            return store_of(paths, store, **columns)
        if not hasattr(data, "map_partitions"):
            raise DataError(f"data is a {type(data).__name__}; give a dask DataFrame, paths, or the folder of a prepared store")
        if store is None:
            raise SettingsError("store= is missing: name a new folder that all workers see, for the prepared rows")

        def write(rows: str) -> None:
            with client.as_current():
                data.to_parquet(rows, write_index=False, name_function=lambda part: f"part-{part:08d}.parquet")

        return store_of_frame(write, store, **columns)

    def _set_combiner(self, model: _core.Model) -> None:
        self.combiner_ = model
        self.classes_ = np.array([0, 1])
        self.feature_names_in_ = np.asarray(model.classifier_names, dtype=object)
        self.n_features_in_ = len(model.classifier_names)
        self.coef_ = model.weights[None, :]
        self.fit_info_ = facts_of(model)

    def predict_proba(self, data: Any) -> Any:
        """Probabilities of the two classes, computed by the workers when they are asked for.

        Parameters
        ----------
        data : dask DataFrame, path, list of paths, pattern or prepared store
            Predictions of the same classifiers; columns are found by name. Files are Parquet.

        Returns
        -------
        dask.array.Array of shape (n, 2)
            In the order of ``classes_``.
        """
        check_is_fitted(self)
        import dask.array as da
        import pandas as pd
        from dask import delayed

        paths = paths_of(data)
        if paths is not None and len(paths) == 1 and _core.Store.is_store(paths[0]):
            store = _core.Store.open(paths[0])
            of_shard, model = delayed(Task(store).probabilities), delayed(self.combiner_)
            sizes = [store.rows_of(shard) for shard in range(store.shards)]
            parts = [
                da.from_delayed(of_shard(model, shard), shape=(size, 2), dtype=np.float64) for shard, size in enumerate(sizes)
            ]
            return da.concatenate(parts)
        if paths is not None:
            import dask.dataframe as dd

            data = dd.read_parquet(paths)
        if not hasattr(data, "map_partitions"):
            raise DataError(f"data is a {type(data).__name__}; give a dask DataFrame, paths, or the folder of a prepared store")
        meta = pd.DataFrame({0: np.empty(0), 1: np.empty(0)})
        return data.map_partitions(_probabilities, self.combiner_, meta=meta).to_dask_array()

    def predict(self, data: Any) -> Any:
        """Tell the more probable class of each row, computed by the workers when it is asked for.

        Parameters
        ----------
        data : dask DataFrame, path, list of paths, pattern or prepared store
            As for :meth:`predict_proba`.

        Returns
        -------
        dask.array.Array of shape (n,)
            0 or 1.
        """
        return (self.predict_proba(data)[:, 1] > 0.5).astype(np.int64)

    @classmethod
    def _of_model(cls, model: _core.Model | _core.ClassModel) -> Self:
        if isinstance(model, _core.ClassModel):
            raise DataError("the model is of more than two classes, which are not fitted on Dask; cf_ensemble.load() takes it")
        info = Ensemble(model).info
        self = cls(method=info.get("trainer", "recommended"), settings=settings_of(info, "seed"), random_state=info.get("seed"))
        self._set_combiner(model)
        return self


class _Engine:
    """Runs passes on a cluster: a run of the shards for each task."""

    def __init__(self, client: Client, store: _core.Store, tasks: int | None, instruction_set: str | None = None) -> None:
        self.client, self.shards, self.tasks = client, store.shards, tasks
        # Sent once for all tasks of a pass.
        self.task = Task(store, instruction_set)
        self.passes = 0

    def __call__(self, request: bytes) -> list[bytes]:
        self.passes += 1
        # Asked anew in each pass: workers come and go.
        workers = self.client.scheduler_info(n_workers=-1)["workers"]
        if not workers:
            self.client.wait_for_workers(1)
            workers = self.client.scheduler_info(n_workers=-1)["workers"]
        places = sorted(workers)
        futures = []
        for number, (first, end) in enumerate(runs(self.shards, self.tasks or len(places))):
            place = places[number % len(places)]
            future = self.client.submit(
                self.task,
                request,
                first,
                end,
                int(workers[place]["nthreads"]),
                key=f"cf_ensemble-{id(self)}-pass-{self.passes}-shards-{first}",
                # The same shards at the same worker, whose operating system has them in memory by now.
                workers=[place],
                allow_other_workers=True,
                pure=False,
            )
            futures.append(future)
        gathered: Sequence[bytes] = self.client.gather(futures)
        return list(gathered)


def _client(client: Client | None) -> Client:
    if client is not None:
        return client
    from distributed import get_client

    try:
        return get_client()
    except ValueError as error:
        raise SettingsError("there is no Dask client; make one with distributed.Client(...), or give it with client=") from error


def _probabilities(part: Any, model: _core.Model) -> Any:
    import pandas as pd

    both = Ensemble(model, threads=1).predict_proba(part) if len(part) else np.empty((0, 2))
    return pd.DataFrame(both, index=part.index, columns=[0, 1])
