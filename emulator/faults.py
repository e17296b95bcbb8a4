"""Faults as data: which request, message or candle is hit, when, and how.

A rule is a mapping, e.g. `{"fault": "too_many", "path": "*/klines", "nth": 3, "retry_after": 2}`.

| key | meaning |
|---|---|
| `fault` | a name of `Fault` |
| `path`, `method` | of requests: shell patterns, default all; a request of Binance's WebSocket API is `ws-api:NAME` |
| `stream` | of stream messages: a shell pattern on the stream's name, e.g. `btcusdt@depth*`; `user`: the account's |
| `event` | of messages of the account: `NEW`, `TRADE`, `CANCELED`, `EXPIRED`, `REJECTED`, `BALANCE` or `POSITION` |
| `client_id` | of requests and messages that name an order by our id, and of orders that lag: a shell pattern |
| `symbol` | of candle faults: e.g. `BTC/USDT`, default all |
| `nth` | only the nth match (1 is the first), `every` each nth match, `after` only matches after the nth |
| `times` | at most so often |
| anything else | a number or text that the fault itself needs, named beside it below |
"""

import fnmatch
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from core.errors import ConfigError
from emulator.orders import Fate, Status, VenueOrder

Rule = Mapping[str, Any]


class Fault(StrEnum):
    # Of a request, before the venue acts on it.
    HANG = "hang"  # `seconds`, default until the client gives up
    CUT = "cut"
    STATUS = "status"  # `status` (503), `body` (an HTML page)
    TOO_MANY = "too_many"  # 429; `retry_after` seconds, absent: without the header
    BANNED = "banned"  # 418; `retry_after`
    REDIRECT = "redirect"  # 302 to `location`
    LATE = "late"  # the request is `seconds` (1) on its way; the venue then takes it as it finds it
    # Of an answer: the venue has acted.
    UNANSWERED = "unanswered"  # accepted, and the connection cut
    SILENT = "silent"  # accepted, and never answered
    LATE_STATUS = "late_status"  # accepted, and answered with `status` (504), `body` (an HTML page)
    HTML = "html"  # a page with status 200
    EMPTY = "empty"  # nothing, or `body`, with status 200
    MALFORMED = "malformed"  # JSON that does not parse
    WRONG_TYPES = "wrong_types"  # parses, and is not what the documentation says
    TRUNCATED = "truncated"  # the body ends in the middle
    DRIP = "drip"  # a few bytes at a time; `seconds` for the whole
    # Of the order in a request, beside any of the above.
    DOOMED = "doomed"  # accepted; `share` (0) of it fills, and after `ms` (0) the rest is gone: `to` ("rejected")
    # Of what a reading request sees, beside any of the above.
    LAG = "lag"  # orders and fills as they were `ms` (1000) ago
    # Of a stream message.
    GAP = "gap"  # dropped
    DUPLICATE = "duplicate"
    REORDER = "reorder"  # sent after the next one
    SILENCE = "silence"  # dropped like every later one on this connection
    CUT_STREAM = "cut_stream"
    BROKEN_FRAME = "broken_frame"  # sent with a frame in front that is not JSON
    CROSSED = "crossed"  # a bid above every ask is in it
    # Of the venue's state, while the rule stands.
    SKEW = "skew"  # `ms`: the venue's clock is ahead by so much
    FROZEN = "frozen"  # no orders
    # Of candles, while the rule stands.
    MISSING_CANDLES = "missing_candles"  # `opens` (ms), or `every` nth by open time
    REVISED_CANDLES = "revised_candles"  # `opens` (ms), default all: close and high one tick up
    DUPLICATE_CANDLES = "duplicate_candles"  # the last row comes twice
    UNSETTLED = "unsettled"  # the newest closed candle is still served as it was half-way
    JUNK_CANDLES = "junk_candles"  # `column` (open, high, low, close, volume) of each 7th row, or of `opens`, is -1
    NO_UNFINISHED = "no_unfinished"  # the candle that is forming is left out


_BEFORE = frozenset({Fault.HANG, Fault.CUT, Fault.STATUS, Fault.TOO_MANY, Fault.BANNED, Fault.REDIRECT, Fault.LATE})
_AFTER = frozenset(
    {
        Fault.UNANSWERED,
        Fault.SILENT,
        Fault.LATE_STATUS,
        Fault.HTML,
        Fault.EMPTY,
        Fault.MALFORMED,
        Fault.WRONG_TYPES,
        Fault.TRUNCATED,
        Fault.DRIP,
    }
)
_STREAM = frozenset(
    {
        Fault.GAP,
        Fault.DUPLICATE,
        Fault.REORDER,
        Fault.SILENCE,
        Fault.CUT_STREAM,
        Fault.BROKEN_FRAME,
        Fault.CROSSED,
    }
)
_CANDLES = frozenset(
    {
        Fault.MISSING_CANDLES,
        Fault.REVISED_CANDLES,
        Fault.DUPLICATE_CANDLES,
        Fault.UNSETTLED,
        Fault.JUNK_CANDLES,
        Fault.NO_UNFINISHED,
    }
)
_REQUEST = _BEFORE | _AFTER
_DOOMS = {status.value: status for status in (Status.REJECTED, Status.EXPIRED, Status.CANCELLED)}
_WHEN = ("nth", "every", "after", "times")
_OTHERS = frozenset(
    {"fault", "path", "method", "stream", "symbol", "seconds", "status", "body", "retry_after", "location"}
    | {"ms", "opens", "column", "event", "client_id", "share", "to", *_WHEN}
)


@dataclass(slots=True)
class Armed:
    """One rule and how often it matched and struck."""

    fault: Fault
    rule: Rule
    matched: int = 0
    struck: int = 0

    def strikes(self) -> bool:
        """Count a match, and say whether it is one that the rule means."""
        self.matched += 1
        nth, every, after = (int(self.rule.get(key, 0)) for key in ("nth", "every", "after"))
        times = int(self.rule.get("times", 0))
        wanted = (
            (not nth or self.matched == nth)
            and (not every or self.matched % every == 0)
            and self.matched > after
            and (not times or self.struck < times)
        )
        self.struck += wanted
        return wanted

    def number(self, key: str, default: float) -> float:
        return float(self.rule.get(key, default))

    def text(self, key: str, default: str) -> str:
        return str(self.rule.get(key, default))


@dataclass(slots=True)
class Faults:
    """The rules that stand, first match first."""

    armed: list[Armed] = field(default_factory=list)

    def set(self, rules: Iterable[Rule]) -> None:
        """Replace all rules. Refuses an unknown fault, key or count."""
        self.armed = [_armed(rule) for rule in rules]

    def more(self, rules: Iterable[Rule]) -> None:
        """The same, behind those that stand."""
        self.armed = self.armed + [_armed(rule) for rule in rules]

    def add(self, fault: str, **keys: Any) -> Armed:
        """One more rule, e.g. `add("hang", path="*/klines", nth=2)`; the answer counts its strikes."""
        armed = _armed({"fault": fault, **keys})
        self.armed.append(armed)
        return armed

    def clear(self) -> None:
        self.armed = []

    def on_request(self, method: str, path: str, client_id: str = "") -> Armed | None:
        """The rule that strikes this request."""
        return self._first(_REQUEST, method=method, path=path, client_id=client_id)

    def on_message(self, stream: str, event: str = "", client_id: str = "") -> Armed | None:
        """The rule that strikes this message of a stream."""
        return self._first(_STREAM, stream=stream, event=event, client_id=client_id)

    def fate(self, method: str, path: str, client_id: str = "") -> Fate | None:
        """What becomes of the order that this request places, where a rule decides it."""
        armed = self._first(frozenset({Fault.DOOMED}), method=method, path=path, client_id=client_id)
        if armed is None:
            return None
        return Fate(Decimal(armed.text("share", "0")), int(armed.number("ms", 0)), _DOOMS[armed.text("to", "rejected")])

    def lag(self, method: str, path: str) -> Callable[[VenueOrder], int] | None:
        """By how many milliseconds this request sees an order late; None where none lags."""
        armed = self._first(frozenset({Fault.LAG}), method=method, path=path)
        if armed is None:
            return None
        pattern, late = armed.text("client_id", "*"), int(armed.number("ms", 1000))
        return lambda order: late if fnmatch.fnmatchcase(order.client_id, pattern) else 0

    def _first(self, faults: frozenset[Fault], **about: str) -> Armed | None:
        for armed in self.armed:
            if armed.fault in faults and _meant(armed.rule, about) and armed.strikes():
                return armed
        return None

    def standing(self, fault: Fault, symbol: str | None = None) -> Armed | None:
        """The rule of this state or candle fault, if one stands."""
        for armed in self.armed:
            if armed.fault is fault and symbol in (None, armed.rule.get("symbol", symbol)):
                return armed
        return None

    @property
    def touches_candles(self) -> bool:
        return any(armed.fault in _CANDLES for armed in self.armed)


def before(fault: Fault) -> bool:
    """Whether the venue has not acted yet when this fault strikes."""
    return fault in _BEFORE


def _meant(rule: Rule, about: Mapping[str, str]) -> bool:
    return all(fnmatch.fnmatchcase(found, str(rule.get(key, "*"))) for key, found in about.items())


def _armed(rule: Rule) -> Armed:
    names = ", ".join(Fault)
    if not isinstance(rule, Mapping) or "fault" not in rule:
        raise ConfigError(f"expected a rule with a fault, one of {names}; found {rule!r}")
    if rule["fault"] not in set(Fault):
        raise ConfigError(f"expected a fault of {names}; found {rule['fault']!r}")
    if unknown := sorted(rule.keys() - _OTHERS):
        raise ConfigError(f"a rule knows {', '.join(sorted(_OTHERS))}; found {', '.join(unknown)}")
    for key in _WHEN:
        if type(rule.get(key, 0)) is not int or rule.get(key, 0) < 0:
            raise ConfigError(f"expected a whole number for {key}, found {rule[key]!r}")
    if rule.get("to", "rejected") not in _DOOMS:
        raise ConfigError(f"an order is doomed to one of {', '.join(_DOOMS)}; found {rule['to']!r}")
    return Armed(Fault(rule["fault"]), dict(rule))
