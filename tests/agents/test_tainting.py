"""Taint goes from evidence to claim to view to proposal to order, whatever a reasoner says of itself."""

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from agents.claims import checked
from agents.cycle import Cycle
from agents.pipeline import run
from agents.ports import Brief, Ports, Role
from agents.tainting import tainted
from agents.views import Claim, Opinion, Outlook, Plan, PlannedOrder
from core.ports import Abstain
from core.taint import Taint
from core.verdicts import AnswerKind
from execution.provenance import _cited
from memory.recall.items import Found, Item
from tests.desk.desks import BUYS_ETH, decide_once, simulated, tightened

SEED, AT = BUYS_ETH


class Liar:
    """The desk's own reasoner, but for what it says of trust: everything is, and no text was ever read."""

    traces = False
    taught = None

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.name = inner.name

    async def structured(self, brief: Brief, answer: Any, toolbox: Any) -> Any:
        said = await self._inner.structured(brief, answer, toolbox)
        if brief.role is not Role.PLAN or isinstance(said, Abstain):
            return said
        return said.model_copy(update={"orders": tuple(self._lie(order) for order in said.orders)})

    def _lie(self, order: PlannedOrder) -> PlannedOrder:
        clean = tuple(e for e in order.evidence if not e.startswith("text:"))
        return order.model_copy(update={"taint": Taint.TRUSTED, "evidence": clean})


async def lying(cycle: Cycle, ports: Ports) -> Cycle:
    return await run(cycle, replace(ports, reasoner=Liar(ports.reasoner)))


async def cycle_of(engine: Any = None, **limits: object) -> Cycle:
    return await decide_once(simulated(SEED), AT, tightened(**limits), engine)


async def test_a_planner_that_hides_its_texts_still_waits_for_a_person() -> None:
    honest, lied = await cycle_of(approval="tainted"), await cycle_of(lying, approval="tainted")
    for cycle in (honest, lied):
        (answered,) = cycle.answers
        assert answered.proposal.taint is Taint.DERIVED
        assert answered.receipt.kind is AnswerKind.WAITING
    assert not any(e.startswith("text:") for e in lied.answers[0].proposal.evidence)


async def test_without_what_is_held_against_it_the_lie_would_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.pipeline.tainted", lambda plan, *_, **__: plan)
    (answered,) = (await cycle_of(lying, approval="tainted")).answers
    assert answered.receipt.kind is AnswerKind.DONE


async def test_the_gate_finds_the_taint_of_cited_evidence_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that is cited is found in the record, though the proposal says that it is trusted."""
    monkeypatch.setattr("agents.pipeline.tainted", lambda plan, *_, **__: plan)

    class Careless(Liar):
        def _lie(self, order: PlannedOrder) -> PlannedOrder:
            return order.model_copy(update={"taint": Taint.TRUSTED})

    async def careless(cycle: Cycle, ports: Ports) -> Cycle:
        return await run(cycle, replace(ports, reasoner=Careless(ports.reasoner)))

    (answered,) = (await cycle_of(careless, approval="tainted")).answers
    assert answered.proposal.taint is Taint.TRUSTED
    assert any(e.startswith("text:") for e in answered.proposal.evidence)
    assert answered.receipt.kind is AnswerKind.WAITING


def order_of(
    cycle: Cycle,
    taint: Taint = Taint.TRUSTED,
    evidence: tuple[str, ...] = (),
    *,
    traced: bool = False,
    given: Taint = Taint.TRUSTED,
) -> Taint:
    """The taint that one order comes out with."""
    order = cycle.plans[0].orders[0].model_copy(update={"taint": taint, "evidence": evidence})
    plan = Plan(orders=(order,), judgements=())
    return tainted(plan, cycle, {"tool:given": given}, traced=traced).orders[0].taint


async def test_each_view_and_each_evidence_adds_and_nothing_takes_away() -> None:
    whole = await cycle_of()
    bare = replace(whole, research=None, sentiment=None, forecast=None)
    assert order_of(bare) is Taint.TRUSTED
    assert order_of(bare, Taint.HOSTILE) is Taint.HOSTILE
    assert order_of(bare, evidence=("tool:given",), given=Taint.UNTRUSTED) is Taint.UNTRUSTED
    assert order_of(replace(bare, sentiment=whole.sentiment)) is Taint.DERIVED
    assert whole.sentiment is not None
    events_alone = whole.sentiment.model_copy(update={"moods": ()})
    assert events_alone.events
    assert order_of(replace(bare, sentiment=events_alone)) is Taint.DERIVED
    assert whole.forecast is not None
    told: list[Outlook] = [o.model_copy(update={"taint": Taint.DERIVED}) for o in whole.forecast.outlooks]
    derived = whole.forecast.model_copy(update={"outlooks": tuple(told)})
    assert order_of(replace(bare, forecast=derived)) is Taint.DERIVED


async def test_who_cites_all_that_moved_it_is_tainted_by_what_it_cites_alone() -> None:
    whole = await cycle_of()
    assert whole.sentiment is not None
    mood = whole.sentiment.moods[0].evidence
    assert order_of(whole, traced=True, given=Taint.UNTRUSTED) is Taint.TRUSTED
    assert order_of(whole, evidence=mood, traced=True) is Taint.DERIVED
    assert order_of(whole, Taint.DERIVED, traced=True) is Taint.DERIVED


def test_a_claim_is_as_tainted_as_what_its_tools_gave() -> None:
    taints = {"recall:BTC/USDT:1": Taint.UNTRUSTED, "market:BTC/USDT:2": Taint.TRUSTED}
    answers = {name: {"symbol": "BTC/USDT", "evidence": name} for name in taints}
    toolbox: Any = SimpleNamespace(taints=taints, answers=answers)

    def taint_of(*evidence: str) -> Taint:
        claim = Claim(text="it rises", evidence=evidence, taint=Taint.TRUSTED)
        opinion = checked(Opinion(symbol="BTC/USDT", stance=Decimal(1), claims=(claim,)), toolbox, traced=True)
        assert isinstance(opinion, Opinion)
        return opinion.claims[0].taint

    assert taint_of("market:BTC/USDT:2") is Taint.TRUSTED
    assert taint_of("market:BTC/USDT:2", "recall:BTC/USDT:1") is Taint.UNTRUSTED


class Memory:
    """Remembers one lesson, into which typed fields of texts went."""

    async def about(self, text: str, *, symbol: str, as_of_ns: int, n: int) -> tuple[Found, ...]:
        return (Found(Item("it rises", "lesson", "red", Taint.DERIVED, as_of_ns - 1, symbol), Decimal(1)),)


@pytest.mark.parametrize("traces", [True, False])
async def test_research_that_was_shown_a_lesson_is_tainted_by_it_whatever_it_cites(traces: bool) -> None:
    """A model may be moved by what it looked up and name something else; code cites all that moved it."""

    class Recalling(Liar):
        async def structured(self, brief: Brief, answer: Any, toolbox: Any) -> Any:
            if brief.role is Role.RESEARCH:
                asked = {"symbol": brief.facts["symbol"], "text": "what to buy"}
                assert (await toolbox.call("research", brief.lane, "recall", asked))["items"]
            return await super().structured(brief, answer, toolbox)

    async def engine(cycle: Cycle, ports: Ports) -> Cycle:
        reasoner = Recalling(ports.reasoner)
        reasoner.traces = traces
        return await run(cycle, replace(ports, reasoner=reasoner, memory=Memory()))

    cycle = await cycle_of(engine)
    assert cycle.research is not None
    claims = [claim for opinion in cycle.research.opinions for claim in opinion.claims]
    assert claims
    assert not any(cited.startswith("recall:") for claim in claims for cited in claim.evidence)
    assert {claim.taint for claim in claims} == {Taint.TRUSTED if traces else Taint.DERIVED}


async def test_the_gate_reads_the_taint_of_a_tools_answer_from_the_record() -> None:
    """A recalled lesson that texts went into is derived, though the planner names it as its own sum."""

    class Recalling(Liar):
        async def structured(self, brief: Brief, answer: Any, toolbox: Any) -> Any:
            if brief.role is Role.PLAN:
                asked = {"symbol": "ETH/USDT", "text": "what to buy"}
                self.lesson = (await toolbox.call("plan", "ETH/USDT", "recall", asked))["evidence"]
            return await super().structured(brief, answer, toolbox)

        def _lie(self, order: PlannedOrder) -> PlannedOrder:
            return order.model_copy(update={"taint": Taint.TRUSTED, "evidence": (self.lesson,)})

    async def engine(cycle: Cycle, ports: Ports) -> Cycle:
        return await run(cycle, replace(ports, reasoner=Recalling(ports.reasoner), memory=Memory()))

    (answered,) = (await cycle_of(engine)).answers
    assert answered.proposal.evidence[0].startswith("recall:ETH/USDT:")
    assert [v.code for v in answered.receipt.review.denials] == ["TEXT_ALONE"]


def test_what_a_model_wrote_is_no_evidence() -> None:
    """A completion is stored like every answer from outside, and may hold any words: only a tool's own id counts."""
    forged = {"said": {"evidence": ["trend_view:BTC/USDT:aaaaaaaaaaaa"], "taint": 0}, "asked": {"evidence": "x"}}
    assert list(_cited(forged)) == []
    assert list(_cited({"evidence": "trend_view:BTC/USDT:1", "taint": 2})) == [
        ("trend_view:BTC/USDT:1", Taint.UNTRUSTED)
    ]


async def test_a_planner_that_looked_something_up_is_tainted_by_it_whatever_it_cites() -> None:
    bare = replace(await cycle_of(), research=None, sentiment=None, forecast=None)
    assert order_of(bare, given=Taint.DERIVED) is Taint.DERIVED
    assert order_of(bare, given=Taint.DERIVED, traced=True) is Taint.TRUSTED


async def test_evidence_that_two_views_cite_is_as_tainted_as_the_worse_of_them() -> None:
    """The last word does not win: a view that trusts what another one doubts washes nothing."""
    whole = await cycle_of()
    assert whole.forecast is not None
    one = whole.forecast.outlooks[0].model_copy(update={"evidence": ("tool:given",)})
    told = [one.model_copy(update={"taint": taint}) for taint in (Taint.UNTRUSTED, Taint.TRUSTED)]
    for outlooks in (told, told[::-1]):
        forecast = whole.forecast.model_copy(update={"outlooks": tuple(outlooks)})
        cycle = replace(whole, research=None, sentiment=None, forecast=forecast)
        assert order_of(cycle, evidence=("tool:given",), traced=True) is Taint.UNTRUSTED
