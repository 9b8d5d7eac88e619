"""How far a fit is: a tqdm bar, or a callable of the user's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeAlias

#: ``(done, total, loss)``: iterations or steps done, how many there are at most (None where not known), and the loss
#: (None where the method has none).
ProgressCallback: TypeAlias = Callable[[int, "int | None", "float | None"], object]

log = logging.getLogger("cf_ensemble")
log.addHandler(logging.NullHandler())


def listener(progress: bool | ProgressCallback | None) -> Callable[..., None] | None:
    """What the compiled half calls: ``None`` where nobody listens."""
    if progress is None or progress is False:
        return None if not log.isEnabledFor(logging.DEBUG) else _Teller(None)
    if progress is True:
        return _Bar()
    if not callable(progress):
        raise TypeError(f"progress must be True, False or a callable, not {progress!r}")
    return _Teller(progress)


class _Teller:
    """Counts steps and hands them to a callable."""

    def __init__(self, callback: ProgressCallback | None) -> None:
        self.callback = callback
        self.stage, self.done, self.total = "", 0, None

    def __call__(self, kind: str, *what: Any) -> None:
        if kind == "started":
            self.stage, self.total = what
            self.done = 0
            log.debug("%s", self.stage)
        elif kind == "step":
            self.done += 1
            self._tell(self.done, self.total, None)
        elif kind == "iteration":
            self._tell(*what)
        elif kind == "warning":
            log.warning("%s", what[0])

    def _tell(self, done: int, total: int | None, loss: float | None) -> None:
        if self.callback is not None:
            self.callback(done, total, loss)


class _Bar(_Teller):
    """A bar of tqdm for each stage."""

    def __init__(self) -> None:
        super().__init__(None)
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            raise ImportError("progress=True shows a bar of tqdm: pip install tqdm") from error
        self.tqdm = tqdm
        self.bar: Any = None

    def __call__(self, kind: str, *what: Any) -> None:
        super().__call__(kind, *what)
        if kind == "started":
            self._close()
            self.bar = self.tqdm(total=self.total, desc=self.stage, leave=False)
        elif kind == "finished":
            self._close()

    def _tell(self, done: int, total: int | None, loss: float | None) -> None:
        if self.bar is None:
            return
        if total is not None and self.bar.total is None:
            self.bar.total = total
        if loss is not None:
            self.bar.set_postfix(loss=f"{loss:.6g}", refresh=False)
        self.bar.update(done - self.bar.n)

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def __del__(self) -> None:
        self._close()
