"""Decoded parts that stay in memory until others need the room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """Values by key, of one version each. Their weights add up to `most` at most, unless one alone is heavier: the one
    that was not asked for the longest goes first. Safe between threads."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.weight = 0
        self._values: OrderedDict[Key, tuple[str, Value, int]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def find(self, key: Key, version: str) -> Value | None:
        """None where it is not there, or there in another version."""
        with self._lock:
            found = self._values.get(key)
            if found is None or found[0] != version:
                return None
            self._values.move_to_end(key)
            return found[1]

    def keep(self, key: Key, version: str, value: Value, weight: int) -> Value:
        """The value, from now on in the place of another version."""
        with self._lock:
            before = self._values.pop(key, None)
            self.weight += weight - (0 if before is None else before[2])
            self._values[key] = (version, value, weight)
            while self.weight > self.most and len(self._values) > 1:
                self.weight -= self._values.popitem(last=False)[1][2]
        return value
