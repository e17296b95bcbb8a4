"""Indicators that several sets of parameters ask for in the same way are made once, while somebody says so.

Whoever asks gets a copy of his own: what one strategy does to its arrays is not seen by another.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, ParamSpec

import numpy as np

if TYPE_CHECKING:
    from core.bars import FloatArray

P = ParamSpec("P")
ROOM: Final = 32 * 2**20  # bytes of indicators that are kept at a time


class _Made:
    """What was made, oldest use first. It keeps the arrays it was made of, so that their names stay theirs."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._size = 0
        self._known: OrderedDict[tuple[Any, ...], tuple[tuple[Any, ...], FloatArray]] = OrderedDict()

    def get(self, key: tuple[Any, ...]) -> FloatArray | None:
        if key not in self._known:
            return None
        self._known.move_to_end(key)
        return self._known[key][1].copy()

    def put(self, key: tuple[Any, ...], given: tuple[Any, ...], found: FloatArray) -> None:
        self._known[key] = given, found.copy()
        self._size += found.nbytes
        while self._size > self._room:
            _, (_, gone) = self._known.popitem(last=False)
            self._size -= gone.nbytes


_MADE: ContextVar[_Made | None] = ContextVar("indicators made", default=None)


@contextmanager
def sharing(room: int = ROOM) -> Iterator[None]:
    """Inside, the same indicator of the same arrays is made once, as far as `room` bytes go."""
    before = _MADE.set(_Made(room))
    try:
        yield
    finally:
        _MADE.reset(before)


def shared(function: Callable[P, FloatArray]) -> Callable[P, FloatArray]:
    """An indicator that can be shared: of arrays that nobody can write to, and numbers."""

    @wraps(function)
    def made(*args: P.args, **kwargs: P.kwargs) -> FloatArray:
        memo = _MADE.get()
        if memo is None:
            return function(*args, **kwargs)
        given = (*args, *kwargs.items())
        if any(isinstance(one, np.ndarray) and one.flags.writeable for one in (*args, *kwargs.values())):
            return function(*args, **kwargs)
        key = (function, *(("array", id(one)) if isinstance(one, np.ndarray) else one for one in args), *_named(kwargs))
        found = memo.get(key)
        if found is None:
            found = function(*args, **kwargs)
            memo.put(key, given, found)
        return found

    return made


def _named(kwargs: dict[str, Any]) -> tuple[Any, ...]:
    return tuple((name, id(one) if isinstance(one, np.ndarray) else one) for name, one in sorted(kwargs.items()))
