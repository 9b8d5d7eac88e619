"""The two published trainers by themselves, with the course of their weights."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._ensemble import Ensemble
from ._how import settings_json, threads_of
from ._progress import ProgressCallback, listener
from ._tables import as_table


class Trained:
    """One run of a trainer, from :func:`als` or :func:`torch`.

    Attributes
    ----------
    model : Ensemble
        The trained model.
    stop : str
        Why training ended: "converged", "max_iterations", "early_stopping", "diverged".
    n_iter : int
        Iterations.
    loss : dict
        The loss at the end and its parts.
    device : str
        Where it was computed.
    seconds : float
        How long it took.
    iterations, losses : ndarray of shape (t,)
        The course of the loss.
    trace_iterations : ndarray of shape (s,)
        Iterations of the trace, the start (0) first.
    weights : ndarray of shape (s, m)
        The weights of the aggregator over the iterations.
    biases : ndarray of shape (s,)
        Its bias.
    """

    def __init__(self, core: _core.Training) -> None:
        facts = json.loads(core.facts)
        self.model = Ensemble(core.model)
        self.stop: str = facts["stop"]
        self.n_iter: int = facts["iterations"]
        self.loss: dict[str, float] = facts["loss"]
        self.device: str = facts["device"]
        self.seconds: float = facts["seconds"]
        self.iterations, self.losses = core.losses
        self.trace_iterations, self.weights, self.biases = core.trace

    def __repr__(self) -> str:
        return f"<Trained: {self.n_iter} iterations, {self.stop}, loss {self.loss['total']:.6g}>"


class Trainer:
    """A published trainer; :data:`als` and :data:`torch` are the two.

    ``als`` trains factors and aggregator by alternating least squares, ``torch`` jointly by gradient steps on libtorch.
    The latter needs a build with libtorch, which the wheels are not.

    Examples
    --------
    The collapse of the weights that the published method shows, in five lines:

    >>> import numpy as np
    >>> import cf_ensemble
    >>> rng = np.random.default_rng(0)
    >>> y = (rng.random(200) < 0.2).astype(int)
    >>> P = 1 / (1 + np.exp(-(3 * y[:, None] - 2 + rng.normal(size=(200, 5)))))
    >>> run = cf_ensemble.als(P, y, latent_dim=3, max_iterations=20)
    >>> run.weights.shape == (len(run.trace_iterations), 5)
    True
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.__name__ = name

    def __repr__(self) -> str:
        return f"<cf_ensemble.{self.name}>"

    def __reduce__(self) -> str:
        return self.name

    def __call__(
        self,
        data: Any,
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        random_state: int = 0,
        trace: bool = True,
        n_jobs: int | None = None,
        progress: bool | ProgressCallback | None = None,
        **settings: Any,
    ) -> Trained:
        """Train once, and keep the course of loss and weights.

        Parameters
        ----------
        data : array of shape (n, m), Table, path, data frame or mapping
            Probabilities, NaN where a classifier gave none.
        y : array-like of shape (n,), default=None
            Labels; NaN, None, or -1 beside 0 and 1, for rows without. None takes those of the table.
        sample_weight : array-like of shape (n,), default=None
            Weights of the rows.
        random_state : int, default=0
            Seed of the start.
        trace : bool, default=True
            Whether the weights of every iteration are kept.
        n_jobs : int, default=None
            Threads; None and -1 are all cores. libtorch has its own.
        progress : bool or callable, default=None
            True shows a bar of tqdm; a callable gets ``(done, total, loss)``.
        **settings
            Settings of the trainer: ``latent_dim``, ``lambda`` (as ``**{"lambda": 0.1}``), ``max_iterations``,
            ``aggregator``, ... as in ``cfe fit --trainer als --set``.

        Returns
        -------
        Trained
            The model with the course of its training.

        Raises
        ------
        SettingsError
            An unknown setting or a value out of range; ``torch`` in a build without libtorch, with how to make one.
        DataError
            Predictions or labels that cannot be learned from.
        """
        table = as_table(data, y)
        weights: NDArray[np.float64] | None = None
        if sample_weight is not None:
            weights = np.ascontiguousarray(sample_weight, dtype=np.float64)
        core = _core.train(
            self.name,
            table.P,
            np.where(table.in_train, table.y, -1).astype(np.int8),
            table.names,
            settings=settings_json(settings),
            seed=int(random_state),
            sample_weight=weights,
            trace=trace,
            threads=threads_of(n_jobs),
            progress=listener(progress),
            row_names=table.ids,
        )
        return Trained(core)


#: Alternating least squares, as published.
als = Trainer("als")
#: Joint training on libtorch, as published.
torch = Trainer("torch")
