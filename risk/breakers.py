"""Breakers: what closes the desk for new risk, as data. Each reads one number, and trips at it or beyond it.

A policy is a list of breakers; `check` holds it to the ceilings, `trips` to the readings of one moment. What becomes
of a cause once it has tripped is in `risk.causes`.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from core.canonical import plain
from core.errors import ConfigError
from core.money import ONE
from core.time import DAY_NS, SECOND_NS
from risk import ceilings
from risk.ceilings import Required
from risk.readings import ACCOUNT, Measured, Reading, Readings, Scope
from risk.states import Kind, Standing, TradingState


class Breaker(BaseModel):
    """One cause. It trips when its reading is `at` the limit or beyond, or strictly `over` it.

    A window lasts until the next 00:00 UTC ("day") or so many seconds; a condition until its reading has been well
    for `quiet_s`. A reading of fewer `samples` is missing, and a missing reading trips or is ignored since another
    breaker covers it. An account-wide breaker of a venue's or symbol's reading takes the worst of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    reads: Reading
    at: Decimal | None = Field(None, gt=0)
    over: Decimal | None = Field(None, ge=0)
    state: TradingState
    caps: Decimal = Field(ONE, gt=0, le=1)
    kind: Kind
    window: Literal["day"] | int | None = None
    quiet_s: int | None = Field(None, ge=0)
    scope: Scope = Scope.ACCOUNT
    missing: Literal["trips", "ignored"] = "trips"
    samples: int = Field(1, ge=1)
    about: str = Field(min_length=1, max_length=200)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if (self.at is None) == (self.over is None):
            raise ValueError(f"{self.name} needs exactly one of `at` and `over`")
        if self.state is TradingState.ACTIVE and self.caps == 1:
            raise ValueError(f"{self.name} changes nothing: an active state needs caps below 1")
        if (self.window is not None) != (self.kind is Kind.WINDOW):
            raise ValueError(f"{self.name} is a {self.kind.value}: a window, and nothing else, says how long it lasts")
        if isinstance(self.window, int) and self.window <= 0:
            raise ValueError(f"{self.name} has a window of {self.window} s: it must last")
        if (self.quiet_s is not None) != (self.kind is Kind.CONDITION):
            raise ValueError(f"{self.name} is a {self.kind.value}: a condition, and nothing else, has a quiet period")
        if self.scope not in (Scope.ACCOUNT, self.reads.scope):
            allowed = " or ".join(dict.fromkeys([Scope.ACCOUNT.value, self.reads.scope.value]))
            raise ValueError(f"{self.name} reaches a {self.scope.value}, but {self.reads.value} is read for: {allowed}")
        return self

    @property
    def limit(self) -> Decimal:
        return self.over if self.at is None else self.at  # type: ignore[return-value]  # one of them is set

    @property
    def sets(self) -> Standing:
        return Standing(self.state, self.caps)

    @property
    def lasts_s(self) -> int:
        """Seconds that it lasts at least beyond its reading; a latch has no end, and says 0."""
        if self.window == "day":
            # Until midnight is a whole day only for what is counted from midnight.
            return DAY_NS // SECOND_NS if self.reads is Reading.DAY_LOSS else 0
        return self.window or self.quiet_s or 0

    def value_of(self, measured: Measured | None) -> Decimal | None:
        """What a reading counts as: nothing where it is missing or rests on too little."""
        return None if measured is None or measured.samples < self.samples else measured.value

    def trips_at(self, value: Decimal | None) -> bool:
        if value is None:
            return self.missing == "trips"
        return value > self.limit if self.at is None else value >= self.limit


@dataclass(frozen=True, slots=True)
class Trip:
    """A breaker whose reading holds now, in one scope. `value` None could not be measured; `why` is a person's word."""

    breaker: Breaker
    scope: str
    value: Decimal | None
    why: str = ""

    @property
    def cause(self) -> str:
        return self.breaker.name

    @property
    def detail(self) -> str:
        """What was found and what is allowed, in one clause."""
        reads, limit = self.breaker.reads, shown(self.breaker.limit, self.breaker.reads.unit)
        if self.value is None:
            found = f"{reads.value} cannot be measured"
        elif reads.unit == "yes":
            found = reads.about
        else:
            beyond = "at" if self.breaker.over is None else "beyond"
            found = f"{reads.value} is {shown(self.value, reads.unit)}, trips {beyond} {limit}"
        return f"{found}: {self.why}" if self.why else found


def trips(readings: Readings, breakers: Sequence[Breaker]) -> tuple[Trip, ...]:
    """Every breaker that holds at these readings, at most once in each scope, in the order of the policy."""
    return tuple(trip for breaker in breakers for trip in _tripped(breaker, readings))


def _tripped(breaker: Breaker, readings: Readings) -> list[Trip]:
    found = [
        Trip(breaker, scope if breaker.scope is not Scope.ACCOUNT else ACCOUNT, value)
        for scope, measured in readings.items()
        if scope.partition(":")[0] == breaker.reads.scope.value
        and breaker.trips_at(value := breaker.value_of(measured.get(breaker.reads)))
    ]
    if breaker.scope is Scope.ACCOUNT and found:
        # The worst of the symbols; what cannot be measured could be anything.
        return [max(found, key=lambda trip: (trip.value is None, trip.value or 0))]
    return found


def check(breakers: Sequence[Breaker]) -> None:
    """Raises ValueError where a policy drops, loosens or repeats a breaker, with what was found and what is allowed."""
    names = [breaker.name for breaker in breakers]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"breaker {twice[0]} is there twice, once is allowed")
    for breaker in breakers:
        if breaker.missing == "ignored" and breaker.reads not in ceilings.MAY_BE_MISSING:
            raise ValueError(
                f"breaker {breaker.name} ignores a missing {breaker.reads.value}, which no other breaker covers: "
                f"it must trip"
            )
    for required in ceilings.BREAKERS:
        reading = [breaker for breaker in breakers if breaker.reads is required.reads]
        if not any(covers(breaker, required) for breaker in reading):
            there_is = ", ".join(map(_told, reading)) or "none at all"
            raise ValueError(f"{_wanted(required)} is required, or a stricter one; there is {there_is}")


def covers(breaker: Breaker, required: Required) -> bool:
    """Whether a breaker is as early, as strict and as lasting as a required one."""
    if breaker.reads is not required.reads:
        return False
    early = breaker.limit < required.limit or (
        breaker.limit == required.limit and (required.beyond or breaker.at is not None)
    )
    lasting = breaker.kind is Kind.LATCH or (
        breaker.kind.endurance >= required.kind.endurance and breaker.lasts_s >= required.lasts_s
    )
    return early and breaker.sets.as_strict_as(required.sets) and lasting and breaker.samples <= required.samples


def _wanted(required: Required) -> str:
    word = "over" if required.beyond else "at"
    return _sentence(required.reads, word, required.limit, required.sets, required.kind, required.lasts_s)


def _told(breaker: Breaker) -> str:
    word = "over" if breaker.at is None else "at"
    told = _sentence(breaker.reads, word, breaker.limit, breaker.sets, breaker.kind, breaker.lasts_s)
    samples = f" of {breaker.samples} samples" if breaker.samples > 1 else ""
    return f"{breaker.name}, {told}{samples}"


def _sentence(reads: Reading, word: str, limit: Decimal, sets: Standing, kind: Kind, lasts_s: int) -> str:
    lasting = kind.value if kind is Kind.LATCH else f"{kind.value} of {span(lasts_s)}"
    caps = "" if sets.caps == 1 else f" with {shown(sets.caps, 'fraction')} of the caps"
    return f"{reads.value} {word} {shown(limit, reads.unit)} sets {sets.state.value}{caps} ({lasting})"


def span(seconds: int) -> str:
    return "a day" if seconds == DAY_NS // SECOND_NS else f"{seconds} s"


def shown(value: Decimal, unit: str) -> str:
    """A reading's number for people: fractions as percent."""
    number = f"{value * 100:.4f}" if unit == "fraction" else f"{value:.4f}"
    number = number.rstrip("0").rstrip(".") or "0"
    return f"{number} %" if unit == "fraction" else f"{number} s" if unit == "s" else number


_BREAKERS: Final = TypeAdapter(tuple[Breaker, ...])


def breakers_of(tables: Any, where: str) -> tuple[Breaker, ...]:
    """The breakers of a policy file's `[[breaker]]` tables. Raises ConfigError with one sentence for each fault."""
    try:
        found = _BREAKERS.validate_python(tables)
    except ValidationError as refused:
        raise ConfigError(f"{where}: {'; '.join(_fault(dict(e)) for e in refused.errors())}") from None
    return found


def _fault(error: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in ("breaker", *error["loc"]))
    if error["type"] == "extra_forbidden":
        return f"unknown key {key}, allowed are {', '.join(Breaker.model_fields)}"
    if error["type"] == "value_error":
        return f"{key}: {error['ctx']['error']}"
    return f"{key} is {plain_text(error['input'])}: {error['msg'][:1].lower()}{error['msg'][1:]}"


def plain_text(found: Any) -> str:
    """What stood in a file, short enough for a sentence."""
    text = str(plain(found)) if isinstance(found, Decimal) else repr(found)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _standard() -> tuple[Breaker, ...]:
    source = files("risk").joinpath("policy", "standard.toml").read_text(encoding="utf-8")
    return breakers_of(tomllib.loads(source, parse_float=Decimal)["breaker"], "the standard policy")


STANDARD: Final[tuple[Breaker, ...]] = _standard()
