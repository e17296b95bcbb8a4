"""The only wiring. Every mode runs this pipeline, this gate and this watch; only clock, market and venue differ."""

from dataclasses import dataclass
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from agents.graph import CycleGraph
from agents.ports import Reasoner, Scorer
from agents.prompts import Prompts
from agents.rules import RulesReasoner
from core.ports import Forecaster
from core.time import ManualClock
from desk.home import Home
from desk.markets import Market
from desk.settings import Settings
from execution.door import Door
from execution.gate import Gate
from execution.tickets import TicketOffice
from execution.venues.paper import PaperVenue
from execution.watch import Watch
from memory.books.database import Books
from models.forecasters import Drift, LastSign
from models.sentiment import LexiconScorer


@dataclass(frozen=True, slots=True)
class Analysts:
    """Who thinks: the same for a desk at work and for a replay of what it decided."""

    reasoner: Reasoner
    prompts: Prompts
    forecasters: tuple[Forecaster, ...]
    scorer: Scorer


def analysts() -> Analysts:
    return Analysts(RulesReasoner(), Prompts.load(), (LastSign(), Drift()), LexiconScorer())


@dataclass(frozen=True, slots=True)
class Desk:
    """One account's desk, wired. The venue's writing half is inside the door and nowhere else."""

    account_id: str
    settings: Settings
    home: Home
    books: Books
    market: Market
    clock: ManualClock
    gate: Gate
    watch: Watch
    graph: CycleGraph
    analysts: Analysts


def build(
    settings: Settings,
    home: Home,
    books: Books,
    market: Market,
    account_id: str,
    clock: ManualClock,
    saver: BaseCheckpointSaver[Any] | None = None,
) -> Desk:
    """Wires one account over an open market and open books. Nothing happens yet."""
    office = TicketOffice(account_id, settings.execution.ticket_ttl_s)
    door = Door(PaperVenue(account_id, books, market, settings.execution.paper), office, clock)
    kill = home.kill_file.exists
    gate = Gate(account_id, books, market, door, office, settings.risk, clock, kill)
    return Desk(
        account_id=account_id,
        settings=settings,
        home=home,
        books=books,
        market=market,
        clock=clock,
        gate=gate,
        watch=Watch(account_id, books, market, gate, door, office, settings.risk, clock, kill),
        graph=CycleGraph(saver),
        analysts=analysts(),
    )
