"""Target strategies by name: ours, installed ones, and one in a user's own file; and what keeps one from being swept.

An installed one has the entry point `tradewarden.strategies`; a file names a class with `look_back` and `exposure`.
Both are code that the user trusts: it runs as he does. What it answers is checked, since it may well be wrong.
"""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from pydantic import ValidationError

from core.bars import Bars
from core.errors import ConfigError, DataRefused
from core.time import show_time
from tools.strategies.breakout import Breakout
from tools.strategies.composite import CompositeScore
from tools.strategies.pairs import Pairs
from tools.strategies.reversion import MeanReversion
from tools.strategies.shapes import Basket, Target
from tools.strategies.trend import TrendFollowing

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from core.bars import FloatArray

GROUP: Final = "tradewarden.strategies"
Value: TypeAlias = float | str
Making: TypeAlias = Callable[..., Target | Basket]

OURS: Final[Mapping[str, Making]] = {
    "trend": TrendFollowing,
    "reversion": MeanReversion,
    "breakout": Breakout,
    "composite": CompositeScore,
}
# Those of several symbols at once.
BASKETS: Final[Mapping[str, Making]] = {"pairs": Pairs}
_COLUMNS: Final = ("open_ns", "open", "high", "low", "close", "volume")


def named(name: str) -> Making:
    """The strategy of a name, of an installed distribution, or in a file that ends in .py (`FILE.py:Class` of several).

    ConfigError says which there are.
    """
    file, _, wanted = name.partition(".py:")
    if wanted or name.endswith(".py"):
        return _in_file(Path(f"{file}.py" if wanted else name), wanted)
    if name in OURS or name in BASKETS:
        return OURS.get(name) or BASKETS[name]
    installed = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in installed:
        allowed = ", ".join([*OURS, *BASKETS, *sorted(installed)])
        raise ConfigError(f"found the strategy {name!r}, allowed are {allowed}, or a file that ends in .py")
    try:
        made: Making = installed[name].load()
    except Exception as broken:
        raise ConfigError(f"the installed strategy {name} cannot be loaded: {broken!r}"[:300]) from broken
    return made


def made(making: Making, parameters: Mapping[str, Value]) -> Target | Basket:
    """A strategy with its parameters, as numbers or words. ConfigError for one that it does not have or not allow."""
    known = names(making)
    if unknown := [name for name in parameters if name not in known]:
        raise ConfigError(f"unknown parameter {unknown[0]}, allowed are {', '.join(known) or 'none'}")
    whole = {name: _whole(value) for name, value in parameters.items()}
    try:
        strategy = making(**whole)
        look_back = strategy.look_back
    except ValidationError as wrong:
        faults = (".".join(map(str, e["loc"])) + ": " + _fault(e) for e in wrong.errors())
        raise ConfigError("; ".join(fault.removeprefix(": ") for fault in faults)) from None
    except Exception as broken:
        raise ConfigError(f"it cannot be made with {told(parameters)}: {broken!r}"[:300]) from broken
    if isinstance(look_back, bool) or not isinstance(look_back, int) or look_back < 1:
        raise ConfigError(f"look_back is a whole number of bars from 1 on, found {look_back!r}")
    return strategy


def names(making: Making) -> tuple[str, ...]:
    """The parameters that a strategy has."""
    fields = getattr(making, "model_fields", None)
    if fields is not None:
        return tuple(fields)
    return tuple(name for name, one in inspect.signature(making).parameters.items() if one.kind is not one.VAR_KEYWORD)


def told(given: Mapping[str, Value]) -> str:
    """For people: 'fast=20, slow=50'."""
    shown = (f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in given.items())
    return ", ".join(shown) or "its own parameters"


def locked(bars: Bars) -> Bars:
    """The same bars in arrays that cannot be written to: who shares bars with others must not change them."""
    columns = []
    for name in _COLUMNS:
        column = getattr(bars, name).view()
        column.flags.writeable = False
        columns.append(column)
    return Bars(bars.symbol, bars.timeframe, *columns)


def exposed(strategy: Target, bars: Bars, parameters: Mapping[str, Value]) -> FloatArray:
    """What a strategy wants after each bar, checked. `bars` are `locked`.

    Raises DataRefused where it raises, changes its input, or answers another shape, or what is no exposure.
    """
    return _checked(strategy, lambda: strategy.exposure(bars), (len(bars),), bars, parameters)


def exposed_together(strategy: Basket, bars: Sequence[Bars], parameters: Mapping[str, Value]) -> FloatArray:
    """What a strategy of several symbols wants of each after each bar, (n_bars, n_symbols), checked in the same way.

    `bars` are locked, and all have the same times.
    """
    shape = (len(bars[0]), len(bars))
    return _checked(strategy, lambda: strategy.exposures(bars), shape, bars[0], parameters)


def _checked(
    strategy: Target | Basket,
    ask: Callable[[], FloatArray],
    shape: tuple[int, ...],
    bars: Bars,
    parameters: Mapping[str, Value],
) -> FloatArray:
    who = f"{type(strategy).__name__} with {told(parameters)} on {bars.symbol}"
    try:
        wanted = np.asarray(ask(), dtype=np.float64)
    except DataRefused:
        raise
    except (Exception, SystemExit) as broken:
        if isinstance(broken, ValueError) and "read-only" in str(broken):
            raise DataRefused(f"{who} changes its input, which others read too: {_place(broken)}") from broken
        raise DataRefused(f"{who} failed: {_place(broken)}"[:400]) from broken
    if wanted.shape != shape:
        raise DataRefused(f"{who} answered the shape {wanted.shape}, allowed is {shape}")
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(wanted) <= 1)
    wrong[: strategy.look_back - 1] &= ~np.isnan(wanted[: strategy.look_back - 1])
    if wrong.any():
        at = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
        when, found = show_time(int(bars.open_ns[at[0]])), float(wanted[at])
        raise DataRefused(f"{who} answered {found:g} at {when}, allowed is -1 to 1, and no NaN after its look-back")
    return wanted


def _in_file(path: Path, wanted: str) -> Making:
    if not path.is_file():
        raise ConfigError(f"there is no file {path}")
    spec = spec_from_file_location(f"strategy_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} cannot be read as Python")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks itself up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as broken:
        del sys.modules[spec.name]
        raise ConfigError(f"{path} cannot be loaded: {_place(broken)}"[:300]) from broken
    found: dict[str, Any] = {
        name: one
        for name, one in vars(module).items()
        if isinstance(one, type) and one.__module__ == module.__name__ and _is_target(one)
    }
    chosen = {name: one for name, one in found.items() if wanted in ("", name)}
    if len(chosen) != 1:
        there = ", ".join(found) or "no class with look_back and exposure"
        raise ConfigError(f"{path} has {there}: name one as {path}:CLASS" if found else f"{path} has {there}")
    making: Making = next(iter(chosen.values()))
    return making


def _fault(error: ErrorDetails) -> str:
    """What pydantic says, with what was found where it does not say so."""
    said = error["msg"].removeprefix("Value error, ")
    return said if "found" in said else f"{said}, found {error['input']!r}"


def _place(broken: BaseException) -> str:
    """What went wrong and where: "KeyError: 'oops', in mine.py line 7"."""
    if isinstance(broken, SyntaxError):
        return f"{broken.msg}, in {Path(broken.filename or '?').name} line {broken.lineno}"
    frames = traceback.extract_tb(broken.__traceback__)
    where = f", in {Path(frames[-1].filename).name} line {frames[-1].lineno}" if frames else ""
    return f"{type(broken).__name__}: {broken}{where}"


def _is_target(one: type) -> bool:
    return hasattr(one, "exposure") and (
        hasattr(one, "look_back") or "look_back" in getattr(one, "__annotations__", {})
    )


def _whole(value: Value) -> Value:
    """A float without a fraction is given as an integer, which is what counts of bars are."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
