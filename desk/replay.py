"""`audit replay`: runs a recorded cycle again with no market, no venue and no network, and compares every step.

Effects are answered from storage. Observing, views, plans and every rule run as they are today; the first thing that
comes out differently is named.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection

from agents import pipeline
from agents.cycle import Cycle
from agents.orderdesk import RecordedOrderDesk, RoutedOrderDesk
from agents.ports import Ports
from agents.record import SCHEMA as DECISION_SCHEMA
from agents.record import answer_body, decision_body
from core.canonical import JSON, digest, plain
from core.errors import ConfigError, LedgerBroken
from core.orders import Proposal
from core.time import Timeframe
from desk.build import analysts, rulebook
from desk.reasoning import replaying, thinking
from desk.settings import Settings, parse
from execution import orderbook
from execution.actions import SCHEMA as ACTION_SCHEMA
from memory.books import blobs, records
from memory.books.database import Books
from memory.books.effects import ReplayedEffects
from memory.books.records import Record, Run
from memory.books.words import RecordKind
from risk.facts import Facts
from risk.shaping import as_sent
from risk.states import Standing, TradingState

_FACTS = TypeAdapter(Facts)
_PROPOSAL = TypeAdapter(Proposal)


@dataclass(frozen=True, slots=True)
class Step:
    """One compared step; `difference` is None where both agree."""

    name: str
    difference: str | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    record_id: str
    recorded_hash: str
    replayed_hash: str | None
    steps: tuple[Step, ...]

    @property
    def first_difference(self) -> Step | None:
        return next((s for s in self.steps if s.difference is not None), None)


class _NoMarket:
    """Stands where the market was: a replay that asks it has left the record."""

    def __getattr__(self, name: str) -> Any:
        raise LedgerBroken(f"the replay asked the market for {name}, which the record has no answer to")


class _Kept:
    """Takes the record that the replay closes with."""

    def close(self, cycle: Cycle, body: JSON) -> str:
        return digest(body)


async def replay(books: Books, record: Record) -> Replay:
    """Replays a decision stage by stage, or reviews a release or an action again."""
    body, decided = body_of(books, record), record.kind is RecordKind.DECISION
    return await _decide_again(books, record, body) if decided else _review_again(books, record, body)


def body_of(books: Books, record: Record) -> JSON:
    """What can be replayed of a record. Raises LedgerBroken where it is gone, ConfigError for another schema's."""
    body = books.read(lambda conn: blobs.get_json(conn, record.body))
    if body is None:
        raise LedgerBroken(f"the body of record {record.record_id} was deleted by retention and cannot be replayed")
    decided = record.kind is RecordKind.DECISION
    if body["schema"] != (DECISION_SCHEMA if decided else ACTION_SCHEMA):
        raise ConfigError(
            f"record {record.record_id} is of schema {body['schema']}, which another version of tradewarden wrote and "
            "replays; `warden audit verify` holds for every schema"
        )
    return body


def ports_of(settings: Settings, body: JSON, effects: ReplayedEffects) -> Ports:
    """Of a recorded decision: whatever its effects do not answer is not there."""
    who = analysts(replaying(settings.llm))
    order_desk = RoutedOrderDesk if settings.venue.routing.others else RecordedOrderDesk
    return Ports(
        market=_NoMarket(),
        timeframe=Timeframe(body["timeframe"]),
        account=lambda: None,
        reasoner=who.reasoner,
        prompts=who.prompts,
        forecasters=(),
        shadows=(),
        scorer=who.scorer,
        apart=who.apart,
        models=settings.models.settings(),
        max_price_age_s=settings.risk.max_price_age_s,
        work=settings.execution.work.rule(),
        effects=effects,
        orders=order_desk(effects, rulebook(settings.risk), None),
        records=_Kept(),
        thinking=thinking(settings.llm),
        left_out=frozenset(body["left_out"]),
    )


def cycle_of(body: JSON) -> Cycle:
    """A recorded decision at its start."""
    return Cycle(
        cycle_id=body["cycle"],
        account_id=body["account"],
        run_id=body["run"],
        symbols=tuple(body["symbols"]),
        as_of_ns=body["as_of_ns"],
        ordinal=body["ordinal"],
        policy_hash=body["policy"],
    )


def stages_of(body: JSON) -> list[pipeline.Stage]:
    """Those that a recorded decision went through, but for the record."""
    stages: list[pipeline.Stage] = [pipeline.observe, pipeline.research, pipeline.sentiment, pipeline.forecast]
    return stages + [pipeline.plan, pipeline.propose] * len(body["plans"])


async def _decide_again(books: Books, record: Record, body: JSON) -> Replay:
    effects = ReplayedEffects(books, record.record_id)
    ports, cycle = ports_of(settings_of(books, record), body, effects), cycle_of(body)
    steps: list[Step] = []
    for stage in stages_of(body):
        cycle = await stage(cycle, ports)
        steps += _compare_stage(getattr(stage, "__name__", ""), cycle, body)
        if any(s.difference for s in steps):
            return Replay(record.record_id, record.record_hash, None, tuple(steps))
    steps += [
        Step(f"effect {node}/{lane}#{number}", "another question was asked")
        for node, lane, number in effects.differences
    ]
    again = decision_body(cycle, ports)
    steps += [_compare(f"record: {key}", again[key], body[key]) for key in body if key not in _STAGED]
    return Replay(record.record_id, record.record_hash, digest(again), tuple(steps))


_STAGED = frozenset({"snapshot", "research", "sentiment", "forecast", "plans", "answers"})


def _compare_stage(name: str, cycle: Cycle, body: JSON) -> list[Step]:
    if name == "observe":
        return [_compare(name, plain(cycle.seen), body["snapshot"])]
    if name == "plan":
        at = len(cycle.plans) - 1
        return [_compare(f"plan {at}", plain(cycle.plans[at]), body["plans"][at])]
    if name == "propose":
        return _compare_answers(cycle, body["answers"])
    return [_compare(name, plain(getattr(cycle, name)), body[name])]


def _compare_answers(cycle: Cycle, recorded: list[JSON]) -> list[Step]:
    """Verdict by verdict, so that a rule that changed is named."""
    steps: list[Step] = []
    for answered, before in zip(cycle.answers, recorded, strict=False):
        order = answered.proposal.order
        name = f"review of {order.side.value} {order.symbol} #{answered.index}.{answered.revision}"
        steps.append(
            _compare(f"proposal #{answered.index}.{answered.revision}", plain(answered.proposal), before["proposal"])
        )
        now = plain(answer_body(answered))
        steps += _compare_verdicts(name, now["verdicts"], before["verdicts"])
        told = {key: value for key, value in before.items() if key not in ("verdicts", "proposal")}
        steps.append(_compare(f"answer #{answered.index}.{answered.revision}", {k: now[k] for k in told}, told))
    return steps


def _compare_verdicts(name: str, now: list[JSON], before: list[JSON]) -> list[Step]:
    ours, theirs = {v["code"]: v for v in now}, {v["code"]: v for v in before}
    return [_compare(f"{name}: rule {code}", ours.get(code), theirs.get(code)) for code in {**theirs, **ours}]


def _review_again(books: Books, record: Record, body: JSON) -> Replay:
    """A release or an action: the stored facts through today's rules."""
    settings = settings_of(books, record)
    facts = books.read(lambda conn: blobs.get_json(conn, body["facts"]))
    stored = body.get("proposal") or books.read(lambda conn: _proposal_of(conn, record))
    if facts is None or stored is None:
        raise LedgerBroken(f"the facts of record {record.record_id} were deleted by retention and cannot be replayed")
    rules, known = rulebook(settings.risk), _FACTS.validate_python(facts)
    order = as_sent(_PROPOSAL.validate_python(stored).order, known, rules.policy)
    standing = Standing(TradingState(body["review"]["state"]), Decimal(body["review"]["caps"]))
    verdict = rules.review(order, known, standing)
    name = f"review of {order.side.value} {order.symbol}"
    steps = _compare_verdicts(name, plain(verdict.verdicts), body["review"]["verdicts"])
    again = digest({**body, "review": plain(verdict)})
    return Replay(record.record_id, record.record_hash, again, tuple(steps))


def _proposal_of(conn: Connection, record: Record) -> JSON:
    row = orderbook.find_proposal(conn, record.proposal_id or "")
    return None if row is None else row.body


def settings_of(books: Books, record: Record) -> Settings:
    """The settings that were in force: they are part of the run's command."""
    run = run_of(books, record)
    return parse(run.command["settings"], f"the settings of run {run.run_id[:12]}")


def run_of(books: Books, record: Record) -> Run:
    """The run that decided. Raises LedgerBroken where the books do not have it."""
    run = books.read(lambda conn: _find_run(conn, record))
    if run is None:
        raise LedgerBroken(f"record {record.record_id} names run {record.run_id}, which is not in the books")
    return run


def _find_run(conn: Connection, record: Record) -> Run | None:
    """What a person released of a routed order belongs to a run of another account: that which decided it."""
    if record.run_id is not None:
        return records.find_run(conn, record.run_id)
    return next(iter(records.runs_of(conn, record.account_id)), None)


def _compare(name: str, now: JSON, before: JSON) -> Step:
    return Step(name, None if now == before else _difference(before, now))


def _difference(before: JSON, now: JSON, path: str = "") -> str:
    """The first place where two JSON values differ."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            if before.get(key) != now.get(key):
                return _difference(before.get(key), now.get(key), f"{path}.{key}" if path else key)
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for at, (a, b) in enumerate(zip(before, now, strict=True)):
            if a != b:
                return _difference(a, b, f"{path}[{at}]")
    return f"{path or 'it'} was {_brief(before)}, is now {_brief(now)}"


def _brief(value: JSON) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
