"""What the two estimators have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import estimator_html_repr
from sklearn.utils.metaestimators import available_if


def where_offered(method: str) -> Any:
    """Hides a method that the fitted combiner does not have, as scikit-learn does."""
    return available_if(lambda self: self._offers(method))


class CombiningClassifier(ClassifierMixin):
    """An estimator of two classes or more, whose columns may have missing values."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _repr_html_(self) -> str:
        # What combines: the estimator itself, or the last one of a stack, which may be of another kind.
        combiner: Any = getattr(self, "final_estimator_", self)
        diagram = str(estimator_html_repr(self))
        if not hasattr(combiner, "combiner_"):
            return diagram
        from ._notebook import classifier_html

        heart = classifier_html(combiner)
        return heart if combiner is self else heart + diagram

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    @abstractmethod
    def _combine(self, method: str, X: ArrayLike) -> NDArray[Any]:
        """The answer of ``method`` for the rows of X."""

    def _offers(self, method: str) -> bool:
        return True

    @where_offered("predict_proba")
    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n, k)
            The same columns as in ``fit``, in the same order.

        Returns
        -------
        ndarray of shape (n, K)
            In the order of ``classes_``; rows add up to 1.
        """
        return self._combine("predict_proba", X)

    @where_offered("decision_function")
    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Log-odds of ``classes_[1]``, or of more than two classes those of each against all others.

        Parameters
        ----------
        X : array-like of shape (n, k)
            The same columns as in ``fit``, in the same order.

        Returns
        -------
        ndarray of shape (n,) or (n, K)
            Above 0 where ``predict`` says ``classes_[1]``; of more classes log(p / (1 - p)) of each.
        """
        return self._combine("decision_function", X)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Tell the most probable class of each row, or what ``decision`` decides for.

        Parameters
        ----------
        X : array-like of shape (n, k)
            The same columns as in ``fit``, in the same order.

        Returns
        -------
        ndarray of shape (n,)
            Of ``classes_``.
        """
        return self._combine("predict", X)
