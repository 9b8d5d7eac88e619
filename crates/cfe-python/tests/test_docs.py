"""Docstrings hold what numpydoc asks for."""

from __future__ import annotations

import inspect

import cf_ensemble
import pytest

validate = pytest.importorskip("numpydoc.validate").validate

#: What is not asked for, with the reason.
LEFT = {
    "ES01": "a summary is enough where it says all",
    "EX01": "examples stand where the use is not plain",
    "SA01": "the book links what belongs together",
    "YD01": "nothing yields",
    "SS05": "a summary says what a method gives, as scikit-learn's do",
}


def public() -> list[str]:
    names = []
    for name in cf_ensemble.__all__:
        thing = getattr(cf_ensemble, name)
        if name.startswith("__") or (isinstance(thing, type) and issubclass(thing, (Exception, Warning))):
            continue
        if isinstance(thing, cf_ensemble.Trainer):
            continue
        names.append(f"cf_ensemble.{name}")
        if inspect.isclass(thing):
            own = [base for base in thing.__mro__ if base.__module__.startswith("cf_ensemble")]
            methods = {key for base in own for key in vars(base) if not key.startswith("_") or key == "__call__"}
            names += [f"cf_ensemble.{name}.{method}" for method in sorted(methods) if callable(getattr(thing, method, None))]
    return names


#: Made by functions; how they are built is not for users.
MADE = tuple(f"cf_ensemble.{name}" for name in ("ClassEnsemble", "ClassTable", "Ensemble", "Table", "Trained", "Trainer"))


@pytest.mark.parametrize("name", public())
def test_what_numpydoc_asks(name):
    if name.endswith("_request"):
        pytest.skip("scikit-learn's own docstring")
    found = [(code, text) for code, text in validate(name)["errors"] if code not in LEFT and not (code == "PR01" and name in MADE)]
    assert not found, found
