"""Evaluation cases of a policy, as data: what was read, and what must then be allowed.

A case is a little sequence of moments. Each gives readings (what it does not name is well), and says which state, which
part of the caps and which causes must hold afterwards, and which codes must deny an order; the causes live on from one
moment to the next.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from core.errors import ConfigError
from core.money import ONE, ZERO
from core.time import parse_time, show_time
from risk import causes
from risk.breakers import trips
from risk.causes import Cause
from risk.readings import ACCOUNT, Measured, Reading, Readings, Scope
from risk.review import Rulebook
from risk.scenes import Data, Scene, Wanted
from risk.settings import RiskSettings
from risk.states import Standing, TradingState

_NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Sampled(Data):
    """A reading that rests on so many samples."""

    value: Decimal
    samples: int = Field(ge=0)


Value = Decimal | Sampled | Literal["missing"]
Values = dict[Reading, Annotated[Value, Field(union_mode="left_to_right")]]


class Moment(Data):
    """Readings at a time, and what must hold after them; for an order in `symbol` at `venue` where those are named.

    `rearm` names the latches that a person re-arms just before; `orders` are reviewed in the `scene`.
    """

    at: datetime = _NOON
    rearm: tuple[str, ...] = ()
    readings: Values = Field(default_factory=dict)
    venues: dict[str, Values] = Field(default_factory=dict)
    symbols: dict[str, Values] = Field(default_factory=dict)
    venue: str | None = None
    symbol: str | None = None
    state: TradingState
    caps: Decimal = ONE
    causes: tuple[str, ...]
    scene: Scene = Scene()
    orders: tuple[Wanted, ...] = ()

    @property
    def at_ns(self) -> int:
        return parse_time(self.at.isoformat())

    def measured(self) -> Readings:
        found = {ACCOUNT: _read(self.readings, Scope.ACCOUNT)}
        for scope, named in ((Scope.VENUE, self.venues), (Scope.SYMBOL, self.symbols)):
            found |= {scope.named(name): _read(values, scope) for name, values in named.items()}
        return found


class Case(Data):
    name: str = Field(min_length=1)
    steps: tuple[Moment, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case went: `failure` says at which moment, what was found and what was expected."""

    name: str
    failure: str | None = None


_CASES: Final = TypeAdapter(tuple[Case, ...])


def shipped() -> tuple[Case, ...]:
    """The cases of the standard policy."""
    return parse(files("risk").joinpath("policy", "standard.cases.toml").read_text(encoding="utf-8"), "shipped cases")


def parse(text: str, where: str) -> tuple[Case, ...]:
    """The `[[case]]` tables of a file. Raises ConfigError saying where it is wrong."""
    try:
        tables = tomllib.loads(text, parse_float=Decimal)
        if unknown := sorted(set(tables) - {"case"}):
            raise ConfigError(f"{where}: unknown key {unknown[0]}, allowed is case")
        found = _CASES.validate_python(tables.get("case", []))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is not TOML: {error}") from None
    except ValidationError as refused:
        faults = (
            f"case.{'.'.join(map(str, e['loc']))}: {e['msg'][:1].lower()}{e['msg'][1:]}" for e in refused.errors()
        )
        raise ConfigError(f"{where}: {'; '.join(faults)}") from None
    names = [case.name for case in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"{where}: two cases are named {twice[0]!r}")
    return found


def run(cases: Iterable[Case], policy: RiskSettings) -> tuple[Outcome, ...]:
    """Every case from a desk on which nothing holds."""
    rulebook = Rulebook(policy)
    return tuple(Outcome(case.name, _failure(case, rulebook)) for case in cases)


def _failure(case: Case, rulebook: Rulebook) -> str | None:
    live: tuple[Cause, ...] = ()
    for number, moment in enumerate(case.steps, 1):
        live = tuple(cause for cause in live if cause.name not in moment.rearm)
        live = causes.turn(live, trips(moment.measured(), rulebook.policy.breakers), moment.at_ns).live
        allowed = causes.standing(live, symbol=moment.symbol, venue=moment.venue)
        found = _told(allowed, sorted(cause.name for cause in live))
        expected = _told(Standing(moment.state, moment.caps), sorted(moment.causes))
        where = f"step {number} at {show_time(moment.at_ns)}"
        if found != expected:
            return f"{where}: found {found}, expected {expected}"
        for wanted in moment.orders:
            if (wrong := _misjudged(wanted, moment, allowed, rulebook)) is not None:
                return f"{where}: {wrong}"
    return None


def _misjudged(wanted: Wanted, moment: Moment, allowed: Standing, rulebook: Rulebook) -> str | None:
    """How one order's verdicts differ from what is expected; None where they do not."""
    review = rulebook.review(moment.scene.order(wanted), moment.scene.facts(wanted, moment.at_ns), allowed)
    found, expected = sorted(v.code for v in review.denials), sorted(wanted.denied)
    if found == expected:
        return None
    order = f"{wanted.side.value} {wanted.quantity} {'at the market' if wanted.at is None else f'at {wanted.at}'}"
    return f"{order}: found it denied by {', '.join(found) or 'nothing'}, expected {', '.join(expected) or 'nothing'}"


def _told(standing: Standing, names: Sequence[str]) -> str:
    return f"{standing.state.value} with {standing.caps.normalize():f} of the caps by {', '.join(names) or 'nothing'}"


def _read(values: Mapping[Reading, Value], scope: Scope) -> dict[Reading, Measured]:
    well = {reading: Measured(ZERO) for reading in Reading if reading.scope is scope}
    return {**well, **{reading: _measured(value) for reading, value in values.items()}}


def _measured(value: Any) -> Measured:
    if isinstance(value, Sampled):
        return Measured(value.value, value.samples)
    return Measured(None if value == "missing" else value)
