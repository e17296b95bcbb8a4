"""Time as int64 nanoseconds UTC. Clocks are passed in, never called from here."""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache

from core.errors import ConfigError

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DURATION = re.compile(r"^(\d+)(s|m|h|d)$")
_UNITS = {"s": SECOND_NS, "m": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS}


class Timeframe(StrEnum):
    """Length of a bar. A bar is stamped with its open and known at its close."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H2 = "2h"
    H4 = "4h"
    H6 = "6h"
    H12 = "12h"
    D1 = "1d"

    @property
    def ns(self) -> int:
        return duration_ns(self.value)

    @property
    def bars_per_year(self) -> int:
        """Crypto has no closing bell: 365 days of 24 hours."""
        return 365 * DAY_NS // self.ns


def timeframe_of(step_ns: int) -> Timeframe | None:
    """The timeframe whose bars are `step_ns` apart, or None."""
    return next((t for t in Timeframe if t.ns == step_ns), None)


def timeframe_named(text: str) -> Timeframe:
    """The timeframe that a person names, such as 4h."""
    try:
        return Timeframe(text.strip())
    except ValueError:
        raise ConfigError(f"found the timeframe {text!r}, allowed are {', '.join(Timeframe)}") from None


@cache  # of a timeframe it is asked a hundred times a cycle
def duration_ns(text: str) -> int:
    """Nanoseconds of '90s', '15m', '4h', '1d'."""
    match = _DURATION.match(text.strip())
    if match is None or int(match[1]) == 0:
        raise ConfigError(f"expected a duration such as 30m, 4h or 1d, found {text!r}")
    return int(match[1]) * _UNITS[match[2]]


def parse_time(text: str) -> int:
    """Nanoseconds UTC of an ISO 8601 date or time. Without an offset it is read as UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigError(f"expected a time such as 2021-05-19T13:00Z, found {text!r}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def show_time(ns: int) -> str:
    """'2021-05-19 13:00:00Z', with the fraction only where there is one."""
    moment = _EPOCH + timedelta(microseconds=ns // 1_000)
    fraction = f".{moment.microsecond // 1000:03d}" if moment.microsecond >= 1000 else ""
    return moment.strftime("%Y-%m-%d %H:%M:%S") + fraction + "Z"


class ManualClock:
    """A clock that a run, a replay or a test moves by hand. It never goes back."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns

    def advance_to(self, now_ns: int) -> None:
        if now_ns < self._now_ns:
            raise ValueError(f"time runs forward: {show_time(now_ns)} is before {show_time(self._now_ns)}")
        self._now_ns = now_ns
