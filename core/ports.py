"""Needs that would point up: what a lower room asks of whoever wires it. Structural, so nobody inherits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, TypeVar, runtime_checkable

from core.bars import Bar, Bars
from core.canonical import JSON, Canonical
from core.instruments import Instrument
from core.orders import Proposal
from core.quotes import Book, Feeds, Funding, NewsItem, OutsideSignal, Quote
from core.texts import TextReading
from core.time import Timeframe
from core.verdicts import Receipt

T = TypeVar("T")
R = TypeVar("R")


class Clock(Protocol):
    def now_ns(self) -> int:
        """UTC nanoseconds."""


class MarketView(Protocol):
    """As-of reads for stages and tools: nothing known after `as_of_ns` can come back."""

    def symbols(self) -> tuple[str, ...]: ...
    def instrument(self, symbol: str) -> Instrument | None: ...
    def bars(self, symbol: str, timeframe: Timeframe, *, as_of_ns: int, n: int) -> Bars:
        """The last `n` bars closed by `as_of_ns`, oldest first; fewer where history is shorter."""

    def quote(self, symbol: str, *, as_of_ns: int) -> Quote | None: ...
    def texts(self, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[NewsItem, ...]:
        """Items with `since_ns < known_at_ns <= as_of_ns`, oldest first."""

    def signals(self, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[OutsideSignal, ...]:
        """Every version of events after `since_ns` that was known by `as_of_ns`, in the order in which it was."""

    def readings(self, texts: Sequence[NewsItem], *, as_of_ns: int) -> tuple[TextReading, ...]:
        """Of these texts, those that a reader read at ingestion, as far as that was known by `as_of_ns`."""


class MarketFacts(Protocol):
    """Fresh snapshots for the gate, the watch and a simulated venue. `now_ns` is theirs, not a cycle's."""

    def instrument(self, symbol: str) -> Instrument | None: ...
    def quote(self, symbol: str, *, as_of_ns: int) -> Quote | None:
        """None when nothing was ever seen. An old quote comes back with its old times."""

    def book(self, symbol: str, *, as_of_ns: int) -> Book | None:
        """None where this market has no depth (candles)."""

    def feeds(self, symbol: str, *, as_of_ns: int) -> Feeds:
        """How late its streams are, what it trades at elsewhere, what it pays for funding."""

    def fundings(self, symbol: str, *, after_ns: int, until_ns: int) -> Sequence[Funding]:
        """A perpetual's funding times that became known after `after_ns` and by `until_ns`, oldest first.

        A spot pair has none.
        """

    def closed_bars(self, symbol: str, *, after_ns: int, until_ns: int) -> Sequence[Bar]:
        """Bars of the market's own timeframe with `after_ns < close_ns <= until_ns`, oldest first."""

    def bars(self, symbol: str, timeframe: Timeframe, *, as_of_ns: int, n: int) -> Bars:
        """The last `n` bars closed by `as_of_ns`, oldest first; fewer where history is shorter."""

    @property
    def base_timeframe(self) -> Timeframe:
        """Of the market's own bars."""

    @property
    def decision_timeframe(self) -> Timeframe:
        """On which agents look, and on which the gate measures how a market moves."""


class OrderDesk(Protocol):
    """The one verb that agents have: propose. The answer says what became of it."""

    async def propose(self, proposal: Proposal) -> Receipt: ...
    async def receipt(self, proposal_id: str) -> Receipt | None: ...


class OrderRouter(Protocol):
    """Several venues with an account each: where an order best goes, and the gate of every part."""

    def route(self, proposal: Proposal) -> JSON:
        """The route with its reasons; its `parts` name venue and account, and hold a proposal each. Sends nothing."""

    async def place(self, part: Proposal, route: JSON) -> Receipt:
        """Puts one part before the gate of its account. The same part again gets the answer that it has."""

    async def receipt(self, proposal_id: str) -> Receipt | None: ...


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that happened outside the record: (node, lane, sequence) asked and was answered."""

    node: str
    lane: str
    sequence: int
    request: str  # digest
    response: str  # digest


class Effects(Protocol):
    """Runs what the record cannot compute and stores the answer before it is used, or answers it from storage."""

    async def perform(
        self,
        node: str,
        lane: str,
        request: JSON,
        run: Callable[[], JSON | Awaitable[JSON]],
        beside: Sequence[Canonical] = (),
    ) -> JSON:
        """The JSON answer, always as read back from storage, so that live and replay see the same bytes.

        Calls of one (node, lane) are numbered in the order requested, never completed. What stands `beside` is what the
        answer names by digest: kept by content in the same commit, once however many answers name it.
        """


@runtime_checkable
class Forecaster(Protocol):
    """Looks at closes up to now and says where the price may be `horizon` bars later, or abstains."""

    @property
    def name(self) -> str: ...

    def predict(self, bars: Bars, *, horizon: int) -> Forecast | Abstain: ...


@dataclass(frozen=True, slots=True)
class Trial:
    """One set of settings that was held against data.

    Trials of one `study` compete for the same choice. `settings` is the digest of all in which two of them may differ,
    data included; `sharpe` the ratio, of one bar and after costs, that came out, None where there was none.
    """

    study: str
    name: str
    settings: str
    sharpe: Decimal | None


class Trials(Protocol):
    """The ledger of what was tried. The best of many looks good by luck: nothing is tried without being counted."""

    def count(self, trial: Trial) -> None:
        """The same settings again are the same trial, with the newer ratio."""

    def count_all(self, trials: Sequence[Trial]) -> None:
        """Many at once."""

    def of(self, study: str) -> Sequence[Trial]:
        """Each trial once, in the order in which they were first counted."""


@dataclass(frozen=True, slots=True)
class Abstain:
    """No opinion, and why. It counts nowhere: neither in a numerator nor in a denominator."""

    reason: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """Probability that the price is higher after the horizon, and the expected log return, with quantiles of it."""

    p_up: Decimal
    expected_return: Decimal
    quantiles: tuple[tuple[Decimal, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event as a consumer gets it. The same `message_id` is the same event, should it come twice.

    `event` is what was published, or a `Lost` where something published did not fit.
    """

    topic: str
    message_id: str
    event: object


@dataclass(frozen=True, slots=True)
class Lost:
    """So many events of the topic, older than those that follow, will not come: their room was bounded."""

    count: int


class Bus(Protocol):
    """Where ingestion publishes and everybody else listens. Topics are `kind:venue:symbol`."""

    def publish(self, topic: str, event: object) -> None:
        """Never waits and never raises for a slow consumer, nor for none."""

    def subscribe(self, *topics: str, group: str) -> Inbox:
        """Members of one group share the events of a topic; each group sees all of them."""


class Inbox(Protocol):
    """What waits for one consumer. The next delivery is asked for when the last one is dealt with."""

    def __aiter__(self) -> AsyncIterator[Delivery]: ...
    async def __anext__(self) -> Delivery: ...
    async def close(self) -> None: ...


class Compute(Protocol):
    """Where heavy work runs: in this process, or in several. What is mapped has no state and can travel."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Answers in the order of the items. The first error ends the work and is raised here."""
