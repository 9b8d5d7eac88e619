"""Paragraphs that several docstrings share."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import indent
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])


def shared(**paragraphs: str) -> Callable[[F], F]:
    """Puts a paragraph in place of each line of the docstring that holds its name in braces alone."""

    def fill(function: F) -> F:
        lines = []
        for line in (function.__doc__ or "").splitlines():
            text = paragraphs.get(line.strip().strip("{}")) if line.strip().startswith("{") else None
            lines.append(line if text is None else indent(text, line[: len(line) - len(line.lstrip())]))
        # Without docstrings (python -OO) there is none to fill.
        function.__doc__ = "\n".join(lines) or None
        return function

    return fill
