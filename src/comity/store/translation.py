"""Having the errors of a driver come out as the store's own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from comity.errors import StoreError

P = ParamSpec("P")
R = TypeVar("R")


class Translating:
    """Be a decorator of functions, out of which a driver's errors then come translated."""

    def __init__(self, errors: tuple[type[Exception], ...], translate: Callable[[Exception], StoreError]) -> None:
        self._errors = errors
        self._translate = translate

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function, translating."""
        errors, translate = self._errors, self._translate

        @functools.wraps(function)
        def translated(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except errors as failure:
                raise translate(failure) from failure

        return translated
