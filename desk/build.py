"""The only wiring. Every mode runs this pipeline, this gate and this watch; only clock, market and venue differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic

from langgraph.checkpoint.base import BaseCheckpointSaver
from typing_extensions import TypeVar

from agents.graph import CycleGraph
from agents.ports import Apart, Reasoner, Scorer
from agents.prompts import Prompts
from core.ports import Clock
from core.time import ManualClock
from desk import forecasters, reasoning, scorers
from desk.forecasters import Forecasters
from desk.home import Home
from desk.instructing import Instructions
from desk.markets import AnyMarket, Market
from desk.settings import Settings, environment_of
from execution.breakers import Breakers
from execution.door import Door
from execution.gate import Gate
from execution.kill import KillSwitch
from execution.ports import Venue
from execution.quiet import Quiet
from execution.reads import Reads
from execution.reconcile import Reconciler
from execution.shadow import Shadow
from execution.tickets import TicketOffice
from execution.venues.paper import PaperVenue
from execution.vitals import Vitals
from execution.watch import Watch, WatchReport
from market.history import CandleHistory
from memory.books.database import Books
from memory.recall.recall import Recall
from models.sentiment import LexiconScorer
from models.sentiment.inference import InferenceThread
from risk import plugins
from risk.review import Rulebook
from risk.rules import RULES
from risk.settings import RiskSettings


@dataclass(frozen=True, slots=True)
class Analysts:
    """Who thinks: the same for a desk at work and for a replay of what it decided."""

    reasoner: Reasoner
    prompts: Prompts
    forecasters: Forecasters
    scorer: Scorer
    apart: Apart
    left_out: frozenset[str]


def analysts(
    reasoner: Reasoner,
    scorer: Scorer | None = None,
    forecasters: Forecasters | None = None,
    left_out: frozenset[str] = frozenset(),
) -> Analysts:
    """Without a scorer and forecasters for a replay, which reads what was said."""
    speaks = LexiconScorer() if scorer is None else scorer
    return Analysts(reasoner, Prompts.load(), forecasters or Forecasters(), speaks, InferenceThread().run, left_out)


def rulebook(policy: RiskSettings) -> Rulebook:
    """Every rule that a review runs: ours, and those that the operator installed beside them."""
    return Rulebook(policy, (*RULES, *plugins.load()))


M = TypeVar("M", bound=AnyMarket)
C = TypeVar("C", bound=Clock)
M_co = TypeVar("M_co", bound=AnyMarket, covariant=True, default=AnyMarket)
C_co = TypeVar("C_co", bound=Clock, covariant=True, default=Clock)


@dataclass(frozen=True, slots=True)
class Desk(Generic[M_co, C_co]):
    """One account's desk, wired. The venue's writing half is inside the door and nowhere else."""

    account_id: str
    settings: Settings
    home: Home
    books: Books
    market: M_co
    clock: C_co
    gate: Gate
    watch: Watch
    instructions: Instructions
    breakers: Breakers
    kill: KillSwitch
    vitals: Vitals
    graph: CycleGraph
    analysts: Analysts
    rulebook: Rulebook
    recall: Recall
    quiet: Quiet | None = None  # over candles of the past alone

    async def step(self) -> WatchReport:
        """One round at the clock's now: the timers of money, and then what people have standing instructions for.

        Of a market of the past. A live desk has a task for each, so that neither waits for the other.
        """
        report = await self.watch.step()
        await self.instructions.step(report)
        return report

    def pass_quiet(self, closes: Sequence[int], since: int) -> int:
        """Passes the next of these moments, from number `since` on, that change nothing but the account's marks.

        How many; where the market is not one of the past, none are known ahead.
        """
        if self.quiet is None or not isinstance(self.clock, ManualClock):
            return 0
        passed = self.quiet.passed(closes, since, self.clock.now_ns())
        if passed:
            self.clock.advance_to(closes[since + passed - 1])
        return passed


# Over a market of the past, by a clock that is moved by hand.
PastDesk = Desk[Market, ManualClock]


def build(
    settings: Settings,
    home: Home,
    books: Books,
    market: M,
    account_id: str,
    clock: C,
    saver: BaseCheckpointSaver[Any] | None = None,
    *,
    venue: Venue | None = None,
    kill: KillSwitch | None = None,
    left_out: frozenset[str] = frozenset(),
) -> Desk[M, C]:
    """Wires one account over an open market and open books, on paper unless a venue is given. Nothing happens yet.

    Desks of one process share one `kill`. `left_out` are the stages of its cycles whose agents say nothing.
    """
    office = TicketOffice(account_id, settings.execution.ticket_ttl_s)
    kill = kill or home.kill_switch()
    vitals = Vitals(clock, simulated=venue is None)
    paper: Venue = PaperVenue(account_id, books, market, settings.execution.paper)
    door = Door(venue or paper, office, clock, kill, vitals)
    breakers = Breakers(account_id, door.venue_name, settings.risk, vitals, kill)
    rules = rulebook(settings.risk)
    shadow = None if settings.shadow is None else Shadow(account_id, rulebook(settings.shadow))
    gate = Gate(account_id, books, market, door, office, rules, clock, breakers, vitals, shadow)
    # On paper nothing is ever on its way, and no list lags behind another.
    quiet_s = 0 if venue is None else settings.execution.quiet_s
    reads = Reads(venue or paper, vitals)
    reconciler = Reconciler(account_id, books, market, reads, clock, settings.risk, quiet_s=quiet_s)
    every_s = settings.execution.reconcile_every_s
    # Only candles of the past can say ahead of time what a stretch of them will be.
    past: Any = market if venue is None and isinstance(market, CandleHistory) else None
    watch = Watch(account_id, books, market, gate, door, office, clock, breakers, reconciler, reconcile_every_s=every_s)
    return Desk(
        account_id=account_id,
        settings=settings,
        home=home,
        books=books,
        market=market,
        clock=clock,
        gate=gate,
        watch=watch,
        instructions=Instructions(account_id, books, market, gate, clock, settings.risk),
        breakers=breakers,
        kill=kill,
        vitals=vitals,
        graph=CycleGraph(saver),
        analysts=analysts(
            reasoning.reasoner(settings.llm, home, environment_of()),
            scorers.chosen(settings, clock.now_ns()).scorer,
            forecasters.find(home),
            left_out,
        ),
        rulebook=rules,
        recall=Recall(settings.recall, home.recall),
        quiet=None if past is None else Quiet(account_id, books, past, breakers, watch),
    )
