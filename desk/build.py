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
from execution.breakers import Breakers
from execution.door import Door
from execution.gate import Gate
from execution.kill import KillSwitch
from execution.shadow import Shadow
from execution.tickets import TicketOffice
from execution.venues.paper import PaperVenue
from execution.vitals import Vitals
from execution.watch import Watch
from memory.books.database import Books
from models.forecasters import Drift, LastSign
from models.sentiment import LexiconScorer
from risk import plugins
from risk.review import Rulebook
from risk.rules import RULES
from risk.settings import RiskSettings


@dataclass(frozen=True, slots=True)
class Analysts:
    """Who thinks: the same for a desk at work and for a replay of what it decided."""

    reasoner: Reasoner
    prompts: Prompts
    forecasters: tuple[Forecaster, ...]
    scorer: Scorer


def analysts() -> Analysts:
    return Analysts(RulesReasoner(), Prompts.load(), (LastSign(), Drift()), LexiconScorer())


def rulebook(policy: RiskSettings) -> Rulebook:
    """Every rule that a review runs: ours, and those that the operator installed beside them."""
    return Rulebook(policy, (*RULES, *plugins.load()))


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
    breakers: Breakers
    kill: KillSwitch
    graph: CycleGraph
    analysts: Analysts
    rulebook: Rulebook


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
    kill = home.kill_switch()
    vitals = Vitals(clock, simulated=True)
    door = Door(PaperVenue(account_id, books, market, settings.execution.paper), office, clock, kill, vitals)
    breakers = Breakers(account_id, door.venue_name, settings.risk, vitals, kill)
    rules = rulebook(settings.risk)
    shadow = None if settings.shadow is None else Shadow(account_id, rulebook(settings.shadow))
    gate = Gate(account_id, books, market, door, office, rules, clock, breakers, vitals, shadow)
    return Desk(
        account_id=account_id,
        settings=settings,
        home=home,
        books=books,
        market=market,
        clock=clock,
        gate=gate,
        watch=Watch(account_id, books, market, gate, door, office, clock, breakers),
        breakers=breakers,
        kill=kill,
        graph=CycleGraph(saver),
        analysts=analysts(),
        rulebook=rules,
    )
