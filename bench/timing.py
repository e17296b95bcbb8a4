"""Medians and how they are printed."""

from collections.abc import Callable
from statistics import median
from time import perf_counter_ns


def milliseconds(samples_ns: list[int]) -> float:
    """Median in milliseconds."""
    return median(samples_ns) / 1e6


def timed(work: Callable[[], object]) -> int:
    """Nanoseconds of one call."""
    started = perf_counter_ns()
    work()
    return perf_counter_ns() - started


def row(name: str, *cells: str) -> None:
    print(f"{name:<44}" + "".join(f"{cell:>14}" for cell in cells))
