"""How far a claim can be trusted. Taint only rises with every claim that joins; only a person lowers it."""

from collections.abc import Hashable, Iterable
from enum import IntEnum
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


class Taint(IntEnum):
    TRUSTED = 0  # computed by us from venue data, or said by a person who may
    DERIVED = 1  # typed fields that a quarantined reader or a scorer took from a text
    UNTRUSTED = 2  # raw text from outside
    HOSTILE = 3  # text that tried to give orders


def join(taints: Iterable[Taint]) -> Taint:
    """The taint of a claim made from others: the worst of them."""
    return max(taints, default=Taint.TRUSTED)


def worst_of(told: Iterable[tuple[T, Taint]]) -> dict[T, Taint]:
    """Each thing as tainted as the worst that was told of it, in whatever order."""
    found: dict[T, Taint] = {}
    for thing, taint in told:
        found[thing] = join([taint, found.get(thing, taint)])
    return found
