"""The planner's one second chance: never another trade, never more of it, never cleaner than it was."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import pipeline
from agents.cycle import Answered, Cycle
from agents.pipeline import revised
from agents.ports import Ports
from agents.views import PlannedOrder
from core.canonical import JSON
from core.exits import ExitPlan
from core.money import Quantity
from core.orders import Order, OrderType, Proposal, Side
from core.taint import Taint
from core.verdicts import AnswerKind, Outcome, Receipt, Review, Verdict
from desk.home import Home
from desk.settings import Settings
from tests.desk.desks import BUYS_BOTH, BUYS_ETH, decide, desk_at, simulated, tightened


def planned(
    index: int, quantity: str, *, symbol: str = "BTC/USDT", side: Side = Side.BUY, **more: object
) -> PlannedOrder:
    order = PlannedOrder(
        index=index,
        symbol=symbol,
        side=side,
        type=OrderType.MARKET,
        quantity=Decimal(quantity),
        thesis="it rises",
        evidence=("market:BTC/USDT:1",),
        taint=Taint.TRUSTED,
    )
    return order.model_copy(update=more)


def denied(index: int, quantity: str, *, largest: str | None = "1", taint: Taint = Taint.TRUSTED) -> Answered:
    """A buy of BTC that was denied; a smaller one of `largest` would pass."""
    order = Order("p1", "paper", "desk", "BTC/USDT", Side.BUY, OrderType.MARKET, Quantity(Decimal(quantity)))
    held_back = None if largest is None else Quantity(Decimal(largest))
    verdict = Verdict("ORDER_SIZE", "sanity", "fraction", Decimal(2), Decimal(1), Outcome.DENIED, held_back)
    review = Review(order.order_hash, False, "active", Decimal(1), (verdict,))
    proposal = Proposal(order, source="cycle:c", decided_ns=0, taint=taint)
    return Answered(index, 0, proposal, Receipt("p1", AnswerKind.DENIED, review, {}))


def test_an_index_that_was_not_denied_is_dropped() -> None:
    assert revised((planned(1, "0.5"),), (denied(0, "1"),)) == ()


def test_nothing_denied_leaves_nothing_to_revise() -> None:
    assert revised((planned(0, "0.5"),), ()) == ()


def test_the_same_quantity_again_may_be_put_forward() -> None:
    assert [o.quantity for o in revised((planned(0, "1"),), (denied(0, "1"),))] == [Decimal(1)]


def test_a_larger_quantity_is_dropped() -> None:
    assert revised((planned(0, "1.00001"),), (denied(0, "1"),)) == ()


def test_a_smaller_quantity_is_kept() -> None:
    assert [o.quantity for o in revised((planned(0, "0.4"),), (denied(0, "1"),))] == [Decimal("0.4")]


@pytest.mark.parametrize("other", [{"symbol": "ETH/USDT"}, {"side": Side.SELL}, {"reduce_only": True}])
def test_another_trade_under_a_denied_index_is_dropped(other: dict[str, object]) -> None:
    assert revised((planned(0, "0.5").model_copy(update=other),), (denied(0, "1"),)) == ()


def test_an_index_that_comes_twice_is_kept_once() -> None:
    assert [o.quantity for o in revised((planned(0, "0.4"), planned(0, "0.3")), (denied(0, "1"),))] == [Decimal("0.4")]


def test_each_denied_index_has_its_own_chance() -> None:
    kept = revised((planned(1, "0.1"), planned(0, "0.2")), (denied(0, "1"), denied(1, "1")))
    assert sorted(o.index for o in kept) == [0, 1]


@given(before=st.sampled_from(Taint), after=st.sampled_from(Taint))
def test_taint_never_falls(before: Taint, after: Taint) -> None:
    (kept,) = revised((planned(0, "0.5", taint=after),), (denied(0, "1", taint=before),))
    assert kept.taint == max(before, after)


def test_a_denial_that_no_size_could_save_is_no_second_chance() -> None:
    cycle = Cycle("c", "paper", "run", ("BTC/USDT",), 0, 0, "policy").adding_answers(denied(0, "1", largest=None))
    assert cycle.savable == ()


# The whole loop


def largest_that_passes(answered: Answered) -> Decimal:
    return answered.receipt.review.largest_allowed


@pytest.mark.parametrize(
    ("at", "settings", "code"),
    [
        pytest.param(BUYS_ETH, tightened(max_order_size="0.05"), "ORDER_SIZE", id="order size"),
        pytest.param(BUYS_BOTH, tightened(max_gross_exposure="0.2"), "GROSS_EXPOSURE", id="gross exposure"),
    ],
)
async def test_a_denied_order_comes_back_once_as_large_as_it_may_be_and_fills(
    home: Home, at: tuple[int, int], settings: Settings, code: str
) -> None:
    seed, as_of_ns = at
    async with desk_at(home, simulated(seed), as_of_ns, settings) as desk:
        cycle = await decide(desk, as_of_ns)
    (first,) = [a for a in cycle.answers if a.receipt.kind is AnswerKind.DENIED]
    (second,) = [a for a in cycle.answers if a.revision == 1]
    assert [v.code for v in first.receipt.review.denials] == [code]
    lot = cycle.seen.markets[second.proposal.order.symbol].instrument.lot_size  # type: ignore[union-attr]
    assert second.index == first.index
    assert 0 <= largest_that_passes(first) - second.proposal.order.quantity < lot
    assert second.receipt.kind is AnswerKind.DONE
    assert second.proposal.proposal_id != first.proposal.proposal_id


def _believing(limit: str) -> Callable[[Cycle, Ports], object]:
    """The stages with a planner that is told a looser asset limit than the gate's."""

    async def run(cycle: Cycle, ports: Ports) -> Cycle:
        def account() -> JSON:
            told = ports.account()
            return {**told, "limits": {**told["limits"], "ASSET_EXPOSURE": limit}}

        return await pipeline.run(cycle, replace(ports, account=account))

    return run


async def test_a_planner_that_believes_in_a_looser_asset_limit_is_cut_to_the_gates(home: Home) -> None:
    seed, as_of_ns = BUYS_ETH
    async with desk_at(home, simulated(seed), as_of_ns, tightened(max_asset_exposure="0.02")) as desk:
        cycle = await decide(desk, as_of_ns, _believing("0.2"))  # type: ignore[arg-type]
    first, second = cycle.answers
    assert [v.code for v in first.receipt.review.denials] == ["ASSET_EXPOSURE"]
    assert (second.revision, second.receipt.kind) == (1, AnswerKind.DONE)
    (verdict,) = [v for v in second.receipt.review.verdicts if v.code == "ASSET_EXPOSURE"]
    assert verdict.measured is not None
    assert Decimal("0.0199") < verdict.measured <= Decimal("0.02")


async def test_a_second_denial_has_no_third_round(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    seed, as_of_ns = BUYS_ETH
    monkeypatch.setattr("agents.rules._second_try", _asking_for_the_same)
    async with desk_at(home, simulated(seed), as_of_ns, tightened(max_order_size="0.05")) as desk:
        cycle = await decide(desk, as_of_ns)
    assert [(a.revision, a.receipt.kind) for a in cycle.answers] == [(0, AnswerKind.DENIED), (1, AnswerKind.DENIED)]
    assert len(cycle.plans) == 2


def _asking_for_the_same(cycle: Cycle, again: tuple[Answered, ...]) -> object:
    return cycle.plans[0].model_copy(update={"revision": 1, "judgements": ()})


async def test_an_order_too_small_to_trade_is_not_asked_for_again(home: Home) -> None:
    seed, as_of_ns = BUYS_ETH
    async with desk_at(home, simulated(seed), as_of_ns, tightened(max_order_size="0.0004")) as desk:
        cycle = await decide(desk, as_of_ns)
    assert [(a.revision, a.receipt.kind) for a in cycle.answers] == [(0, AnswerKind.DENIED)]
    assert cycle.plans[1].orders == ()


def test_a_planner_that_says_nothing_of_its_exits_leaves_what_is_not_in_profit_after_six_hours() -> None:
    assert planned(0, "1").exits == ExitPlan(time_limit_s=6 * 3600)
