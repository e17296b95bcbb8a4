"""Breakers over real books: what they read, when they trip, what they leave allowed, and how a person re-arms one."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.errors import ConfigError, ExchangeRejected, ExchangeUnavailable, OrderStateUnknown
from core.orders import OrderState
from core.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, ManualClock
from core.verdicts import AnswerKind
from execution import incidents
from execution.ports import OrderReport
from memory.books import accounts
from memory.books.words import IncidentKind
from risk.codes import DenialCode
from risk.readings import Reading
from risk.states import Standing, TradingState
from tests.execution.conftest import Opened
from tests.execution.desk import ACCOUNT, T0, Desk, denials, lose

MIDNIGHT = T0 + 11 * HOUR_NS  # T0 is 13:00 UTC
HALF = Decimal("0.5")


def worth(desk: Desk, equity: str) -> None:
    """The account holds nothing but so much cash: what was lost or won on the way does not matter here."""
    desk.books.write(lambda conn: accounts.set_total(conn, ACCOUNT, "USDT", Decimal(equity)))


def deposit(desk: Desk, amount: str) -> None:
    given, now_ns = Decimal(amount), desk.clock.now_ns()
    desk.books.write(lambda conn: accounts.deposit(conn, ACCOUNT, "USDT", given, ts_ns=now_ns, reason="savings"))


def withdraw(desk: Desk, amount: str) -> None:
    taken, now_ns = Decimal(amount), desk.clock.now_ns()
    desk.books.write(lambda conn: accounts.withdraw(conn, ACCOUNT, "USDT", taken, ts_ns=now_ns, reason="rent"))


def holding(desk: Desk) -> list[str]:
    return [cause.name for cause in desk.causes()]


def epoch(desk: Desk) -> int:
    return desk.books.read(lambda conn: accounts.account(conn, ACCOUNT)).epoch


def journaled(desk: Desk, kind: str) -> list[Any]:
    from memory.books import journal

    return [e.body for e in desk.books.read(lambda conn: journal.entries(conn, ACCOUNT)) if e.kind == kind]


# The day.


@pytest.mark.parametrize(
    ("equity", "causes"),
    [
        ("9800.01", []),
        ("9800", ["day_caps"]),
        ("9650.01", ["day_caps"]),
        ("9650", ["day_reducing", "day_caps"]),
        ("9500.01", ["day_reducing", "day_caps", "rolling_loss"]),
        ("9500", ["day_halt", "day_reducing", "day_caps", "rolling_loss"]),
    ],
)
async def test_the_tiers_of_a_day_trip_exactly_at_their_loss(desk: Desk, equity: str, causes: list[str]) -> None:
    worth(desk, equity)
    await desk.step()
    assert holding(desk) == causes


async def test_a_tier_trips_at_a_review_without_any_step(desk: Desk) -> None:
    worth(desk, "9650")
    assert denials(await desk.propose(desk.buy("1"))) == [DenialCode.TRADING_STATE]
    assert desk.standing() == Standing(TradingState.REDUCING, HALF)


async def test_half_of_the_caps_is_half_of_what_may_be_bought(desk: Desk) -> None:
    worth(desk, "9800")
    denied = await desk.propose(desk.buy("9.801", at="100"))
    assert denials(denied) == [DenialCode.ASSET_EXPOSURE]
    assert denied.review.caps == HALF
    assert (await desk.propose(desk.buy("9.8", at="100"))).kind is AnswerKind.WORKING


async def test_a_tier_stays_when_the_loss_is_won_back_and_ends_at_midnight(desk: Desk) -> None:
    worth(desk, "9650")
    await desk.step()
    worth(desk, "10000")
    assert (await desk.step(MIDNIGHT - 1)).state is TradingState.REDUCING
    assert (await desk.step(MIDNIGHT)).state is TradingState.ACTIVE
    assert desk.standing() == Standing()


async def test_a_window_that_is_over_counts_no_more_before_anybody_looked(desk: Desk) -> None:
    worth(desk, "9650")
    await desk.step()
    desk.clock.advance_to(MIDNIGHT)
    assert desk.standing() == Standing()


async def test_a_day_is_measured_from_the_last_mark_before_it(desk: Desk) -> None:
    worth(desk, "9900")
    await desk.step(MIDNIGHT - MINUTE_NS)
    worth(desk, "9702.01")
    await desk.step(MIDNIGHT + HOUR_NS)
    assert holding(desk) == []
    worth(desk, "9702")
    await desk.step(MIDNIGHT + 2 * HOUR_NS)
    assert holding(desk) == ["day_caps"]


async def test_a_mark_at_midnight_belongs_to_the_day_that_begins(desk: Desk) -> None:
    worth(desk, "9801")
    await desk.step(MIDNIGHT)
    assert holding(desk) == []
    worth(desk, "9700")
    await desk.step(MIDNIGHT + 1)
    assert holding(desk) == []


async def test_neither_a_withdrawal_nor_a_deposit_is_a_loss_or_hides_one(desk: Desk) -> None:
    withdraw(desk, "5000")
    assert (await desk.step()).state is TradingState.ACTIVE
    assert holding(desk) == []
    deposit(desk, "9000")
    worth(desk, "13500")
    await desk.step()
    assert "day_halt" in holding(desk)


async def test_coins_that_were_given_in_are_worth_their_price_without_a_position(desk: Desk) -> None:
    given, now_ns = Decimal(3), desk.clock.now_ns()
    desk.books.write(
        lambda conn: accounts.deposit(
            conn, ACCOUNT, "ETH", given, ts_ns=now_ns, reason="mine before", price=Decimal(100)
        )
    )
    assert (await desk.step()).equity == Decimal(10_300)
    assert denials(await desk.propose(desk.buy("1"))) == []


async def test_coins_that_nothing_prices_let_nothing_be_opened(desk: Desk) -> None:
    given, now_ns = Decimal(3), desk.clock.now_ns()
    desk.books.write(
        lambda conn: accounts.deposit(conn, ACCOUNT, "XYZ", given, ts_ns=now_ns, reason="an airdrop", price=Decimal(1))
    )
    assert (await desk.step()).equity is None
    assert DenialCode.TRADING_STATE in denials(await desk.propose(desk.buy("1")))


async def test_losses_are_marked_to_the_market_with_their_fees(desk: Desk) -> None:
    await desk.bought("19", stop="5")  # 1.90 of fees
    await desk.trades("89.58", "89.58", "89.58", "89.58")  # 198.0 lost: 9 800.12
    assert holding(desk) == []
    await desk.trades("89.57", "89.57", "89.57", "89.57")  # 9 799.93
    assert holding(desk) == ["day_caps"]


# Any 24 hours.


async def test_a_loss_over_midnight_counts_in_24_hours(desk: Desk) -> None:
    await desk.step(MIDNIGHT - HOUR_NS)
    worth(desk, "9810")
    await desk.step(MIDNIGHT)
    worth(desk, "9601")
    await desk.step(MIDNIGHT + 10 * HOUR_NS)
    assert holding(desk) == ["day_caps"]
    worth(desk, "9600")
    await desk.step(MIDNIGHT + 11 * HOUR_NS)
    assert holding(desk) == ["day_caps", "rolling_loss"]


async def test_a_loss_of_more_than_24_hours_ago_counts_no_more(desk: Desk) -> None:
    worth(desk, "9700")
    await desk.step()
    worth(desk, "9590")
    await desk.step(T0 + DAY_NS)
    assert holding(desk) == []


# The peak and the start.


async def test_a_drawdown_is_counted_from_the_highest_mark(desk: Desk) -> None:
    worth(desk, "20000")
    await desk.step()
    worth(desk, "18000.01")
    await desk.step(T0 + 2 * DAY_NS)
    assert "drawdown" not in holding(desk)
    again = desk.restarted()
    worth(again, "18000")
    await again.step(T0 + 4 * DAY_NS)
    assert "drawdown" in again.latched()


async def test_a_deposit_raises_no_peak(desk: Desk) -> None:
    deposit(desk, "90000")
    await desk.step()
    withdraw(desk, "90000")
    await desk.step(T0 + HOUR_NS)
    assert holding(desk) == []


async def test_equity_below_its_floor_halts(desk: Desk) -> None:
    await desk.bought("19", stop="5")
    await desk.trades("22", "22", "22", "22")  # 8 516.10
    assert "equity_floor" not in holding(desk)
    await desk.trades("21", "21", "21", "21")  # 8 497.10
    assert "equity_floor" in desk.latched()


@pytest.mark.parametrize(("equity", "halted"), [("8500", False), ("8499.99", True), ("0", True)])
async def test_exactly_85_percent_of_the_start_is_not_below_it(desk: Desk, equity: str, halted: bool) -> None:
    worth(desk, equity)
    await desk.step()
    assert ("equity_floor" in holding(desk)) is halted


# Losing trades.


async def test_five_losses_in_a_row_allow_only_reducing(desk: Desk) -> None:
    lose(desk, 4)
    assert (await desk.step()).state is TradingState.ACTIVE
    lose(desk, 1)
    assert ((await desk.step()).state, desk.latched()) == (TradingState.REDUCING, ["losing_streak"])


async def test_a_gain_ends_a_losing_streak(desk: Desk) -> None:
    lose(desk, 4)
    desk.clock.advance_to(T0 + 1)
    lose(desk, 1, pnl="0.01")
    desk.clock.advance_to(T0 + 2)
    lose(desk, 4)
    assert (await desk.step()).state is TradingState.ACTIVE


async def test_a_streak_is_counted_from_its_re_arming(desk: Desk) -> None:
    lose(desk, 5)
    await desk.step()
    assert desk.rearm("losing_streak")
    assert (await desk.step()).state is TradingState.ACTIVE
    desk.clock.advance_to(T0 + 1)
    lose(desk, 4)
    assert (await desk.step()).state is TradingState.ACTIVE
    lose(desk, 1)
    assert (await desk.step()).state is TradingState.REDUCING


# Prices.


async def test_a_holding_without_a_price_allows_only_reducing_until_a_minute_after_it_has_one(desk: Desk) -> None:
    await desk.bought("2")
    known = desk.market._quotes.pop("BTC/USDT")
    report = await desk.step(desk.clock.now_ns() + 1)
    assert (report.equity, report.state, desk.latched()) == (None, TradingState.REDUCING, [])
    desk.market._quotes["BTC/USDT"] = known
    assert (await desk.step(desk.clock.now_ns() + 59 * SECOND_NS)).state is TradingState.REDUCING
    assert (await desk.step(desk.clock.now_ns() + SECOND_NS)).state is TradingState.ACTIVE


@pytest.mark.parametrize("spread", ["-0.02", "200"], ids=["crossed", "one-sided"])
async def test_a_faulty_quote_closes_its_symbol_alone(desk: Desk, spread: str) -> None:
    await desk.bought("2")
    now_ns = desk.clock.now_ns() + 1
    desk.market.show("100", at_ns=now_ns, spread=spread)
    await desk.step(now_ns)
    assert desk.standing("BTC/USDT").state is TradingState.REDUCING
    if spread != "200":  # one-sided it is no price at all, and all of the equity is unknown
        assert desk.standing().state is desk.standing("ETH/USDT").state is TradingState.ACTIVE
        assert (await desk.propose(desk.buy("1", symbol="ETH/USDT"))).kind is AnswerKind.WORKING
    desk.market.show("100", at_ns=now_ns + 1)
    await desk.step(now_ns + 300 * SECOND_NS - 1)
    assert desk.standing("BTC/USDT").state is TradingState.REDUCING
    await desk.step(now_ns + 300 * SECOND_NS)
    assert desk.standing("BTC/USDT").state is TradingState.ACTIVE


async def test_a_quote_is_overdue_once_its_age_beyond_the_cadence_is_too_much(open_desk: Opened) -> None:
    desk = open_desk(max_price_age_s=30)
    await desk.bought("2")
    due = desk.clock.now_ns() + HOUR_NS
    await desk.step(due + 30 * SECOND_NS)
    assert holding(desk) == []
    await desk.step(due + 30 * SECOND_NS + 1)
    assert holding(desk) == ["data_quality"]


async def test_a_faulty_quote_of_what_is_neither_held_nor_worked_in_trips_nothing(desk: Desk) -> None:
    desk.market.show("100", at_ns=T0, spread="-0.02")
    await desk.step()
    assert holding(desk) == []


async def test_a_faulty_quote_of_a_symbol_with_a_resting_order_closes_it(desk: Desk) -> None:
    await desk.propose(desk.buy("1", at="96"))
    desk.market.show("100", at_ns=T0, spread="-0.02")
    await desk.step()
    assert holding(desk) == ["data_quality"]


# The line to the venue.


async def cut(desk: Desk, steps: int) -> None:
    """So many calls in a row that fail, a second apart."""
    desk.venue.unreadable = True
    for _ in range(steps):
        await desk.step(desk.clock.now_ns() + SECOND_NS)
    desk.venue.unreadable = False


async def test_three_failed_calls_in_a_minute_are_safe_mode(desk: Desk) -> None:
    await desk.propose(desk.buy("1", at="96"))
    await cut(desk, 2)
    assert holding(desk) == []
    await cut(desk, 1)
    assert holding(desk) == ["venue_failures"]
    assert denials(await desk.propose(desk.buy("1", symbol="ETH/USDT"))) == [DenialCode.TRADING_STATE]
    assert desk.standing().state is TradingState.ACTIVE, "another venue would be open"


async def test_safe_mode_ends_after_five_quiet_minutes(desk: Desk) -> None:
    await desk.propose(desk.buy("1", at="96"))
    await cut(desk, 3)
    last_ns = desk.clock.now_ns()
    await desk.step(last_ns + 60 * SECOND_NS)  # the failures are a minute old, and none is counted any more
    assert desk.standing("BTC/USDT").state is TradingState.REDUCING
    await desk.step(last_ns + 358 * SECOND_NS)
    assert desk.standing("BTC/USDT").state is TradingState.ACTIVE


async def test_safe_mode_lets_an_exit_pass(desk: Desk) -> None:
    await desk.bought("2")
    await desk.propose(desk.buy("1", at="96"))
    await cut(desk, 3)
    assert (await desk.propose(desk.sell("2"))).kind is AnswerKind.WORKING


async def test_safe_mode_survives_a_restart_that_forgot_the_calls(desk: Desk) -> None:
    await desk.propose(desk.buy("1", at="96"))
    await cut(desk, 3)
    again = desk.restarted()
    assert denials(await again.propose(again.buy("1", symbol="ETH/USDT"))) == [DenialCode.TRADING_STATE]


@pytest.mark.parametrize(
    ("answer", "counts"),
    [(OrderStateUnknown("timed out"), True), (ConnectionError("reset"), True), (ExchangeRejected("too small"), False)],
)
async def test_a_send_without_an_answer_is_a_failed_call_and_a_refusal_is_an_answer(
    desk: Desk, answer: Exception, counts: bool
) -> None:
    desk.venue.fails_before = answer
    for quantity in ("3", "2", "1"):
        assert (await desk.propose(desk.buy(quantity))).kind is not AnswerKind.DENIED
    await desk.step()
    assert (holding(desk) == ["venue_failures"]) is counts


# Contradictions, clocks and models.


def lying(desk: Desk, price: str | None) -> Callable[..., Any]:
    """A venue that tells its last fill again, at another price; None lets it tell the truth."""
    truth = type(desk.venue).report

    async def told(client_order_id: str, symbol: str) -> OrderReport | None:
        report = await truth(desk.venue, client_order_id, symbol)
        if report is None or price is None or not report.fills:
            return report
        return replace(report, fills=tuple(replace(f, price=Decimal(price)) for f in report.fills))  # type: ignore[arg-type]

    return told


async def contradicted(desk: Desk) -> None:
    """A limit order that half filled at 96, of which the venue then says that it filled at 95."""
    await desk.bought("2", stop="90", symbol="ETH/USDT")
    await desk.propose(desk.buy("2", at="96", stop="80"))
    await desk.trades("96", "96", "95", "96", volume="1")
    assert desk.held() == 1
    desk.venue.report = lying(desk, "95")  # type: ignore[method-assign]
    await desk.step()


async def test_a_venue_that_contradicts_the_books_halts_the_desk(desk: Desk) -> None:
    await contradicted(desk)
    assert (desk.latched(), desk.state()) == (["mismatch"], TradingState.HALTED)
    (found,) = journaled(desk, "incident")
    assert found["kind"] == "mismatch"
    assert "was booked with price 96, and is now told with 95" in found["detail"]
    assert desk.held() == 1, "what was booked stays as it is"


async def test_a_contradiction_does_not_hold_up_a_stop(desk: Desk) -> None:
    await contradicted(desk)
    await desk.trades("100", "100", "85", "85", symbol="ETH/USDT")
    assert desk.held("ETH/USDT") == 0


async def test_a_contradiction_is_told_once_and_again_after_a_person_closed_it_in_vain(desk: Desk) -> None:
    await contradicted(desk)
    await desk.step(desk.clock.now_ns() + 1)
    assert len(journaled(desk, "incident")) == 1
    assert desk.rearm("mismatch")
    assert desk.latched() == []
    await desk.step(desk.clock.now_ns() + 1)
    assert (desk.latched(), len(journaled(desk, "incident"))) == (["mismatch"], 2)


async def test_a_contradiction_that_is_resolved_stays_closed(desk: Desk) -> None:
    await contradicted(desk)
    desk.venue.report = lying(desk, None)  # type: ignore[method-assign]
    assert desk.rearm("mismatch")
    await desk.step(desk.clock.now_ns() + 1)
    assert (desk.latched(), desk.state()) == ([], TradingState.ACTIVE)
    (closed,) = journaled(desk, "incident_closed")
    assert (closed["by"], closed["reason"], closed["closed"]) == ("ada", "seen", 1)


@pytest.mark.parametrize(("ahead_s", "tripped"), [(2, False), (3, True), (-3, True)])
async def test_a_clock_that_differs_from_the_venues_allows_only_reducing(
    desk: Desk, ahead_s: int, tripped: bool
) -> None:
    desk.vitals.hears_time(T0 + ahead_s * SECOND_NS)
    await desk.step()
    assert (holding(desk) == ["clock_skew"]) is tripped


async def test_a_model_that_drifted_allows_only_reducing_until_a_person_has_looked(desk: Desk) -> None:
    def open_(subject: str) -> bool:
        return desk.books.write(
            lambda conn: incidents.add(conn, ACCOUNT, IncidentKind.MODEL_DRIFT, subject, "its Brier score", T0)
        )

    assert open_("trend")
    assert not open_("trend"), "one of this subject is open already"
    assert (await desk.step()).state is TradingState.REDUCING
    desk.books.write(
        lambda conn: incidents.close(conn, ACCOUNT, IncidentKind.MODEL_DRIFT, "trend", reason="trained", now_ns=T0)
    )
    assert (await desk.step(T0 + HOUR_NS)).state is TradingState.REDUCING
    desk.rearm("model_drift")
    assert (await desk.step(T0 + 2 * HOUR_NS)).state is TradingState.ACTIVE


# Epochs.


async def test_what_trips_opens_a_new_epoch_and_a_condition_seen_again_does_not(desk: Desk) -> None:
    desk.vitals.hears_time(T0 + 3 * SECOND_NS)
    await desk.step()
    first = epoch(desk)
    assert first == 1
    assert (await desk.step(T0 + SECOND_NS)).tripped == ()
    assert epoch(desk) == first


async def test_tickets_of_before_a_tier_are_worthless(desk: Desk) -> None:
    ticket = desk.office.mint(desk.order(desk.buy("1").order.side, "1"), desk.office.epoch, T0)
    worth(desk, "9800")
    await desk.step()
    with pytest.raises(Exception, match="never minted"):
        await desk.door.submit(ticket, "client-1", T0)


async def test_the_end_of_a_window_opens_no_epoch(desk: Desk) -> None:
    worth(desk, "9800")
    await desk.step()
    before = epoch(desk)
    worth(desk, "10000")
    await desk.step(MIDNIGHT)
    assert epoch(desk) == before
    assert [e["cause"] for e in journaled(desk, "breaker_ended")] == ["day_caps"]


# A person re-arms.


async def test_latches_survive_a_restart(desk: Desk) -> None:
    desk.kill.on = True
    await desk.step()
    desk.kill.on = False
    again = desk.restarted()
    assert denials(await again.propose(again.buy("1"))) == [DenialCode.TRADING_STATE]
    assert (await again.step()).state is TradingState.HALTED


async def test_a_person_re_arms_one_latch_and_not_the_state(desk: Desk) -> None:
    lose(desk, 5)
    desk.kill.on = True
    await desk.step()
    desk.kill.on = False
    assert desk.rearm("kill")
    assert (desk.state(), desk.latched()) == (TradingState.REDUCING, ["losing_streak"])


async def test_a_latch_that_does_not_exist_cannot_be_re_armed(desk: Desk) -> None:
    assert not desk.rearm("kill")


async def test_a_latch_is_re_armed_once(desk: Desk) -> None:
    desk.kill.on = True
    await desk.step()
    desk.kill.on = False
    assert desk.rearm("kill")
    assert not desk.rearm("kill")


@pytest.mark.parametrize("cause", ["day_reducing", "day_caps", "rolling_loss"])
async def test_a_window_cannot_be_re_armed(desk: Desk, cause: str) -> None:
    worth(desk, "9600")
    await desk.step()
    assert not desk.rearm(cause)
    assert cause in holding(desk)


async def test_a_cause_that_still_holds_cannot_be_re_armed(desk: Desk) -> None:
    desk.kill.on = True
    await desk.step()
    with pytest.raises(ConfigError, match=r"\(kill, since .*\) would trip again at once: the kill switch is pulled"):
        desk.rearm("kill")
    assert desk.latched() == ["kill"]
    assert journaled(desk, "rearmed") == []


async def test_a_day_halt_that_is_re_armed_measures_the_rest_of_the_day_from_there(desk: Desk) -> None:
    worth(desk, "9500")
    await desk.step()
    assert desk.rearm("day_halt")
    assert (desk.state(), desk.latched()) == (TradingState.REDUCING, []), "the tiers stay until midnight"
    worth(desk, "9025.01")
    await desk.step(T0 + HOUR_NS)
    assert "day_halt" not in desk.latched()
    worth(desk, "9025")
    await desk.step(T0 + 2 * HOUR_NS)
    assert "day_halt" in desk.latched()


async def test_the_next_day_is_measured_from_its_own_beginning(desk: Desk) -> None:
    worth(desk, "9500")
    await desk.step()
    assert desk.rearm("day_halt")
    worth(desk, "9400")
    await desk.step(MIDNIGHT - 1)
    worth(desk, "9212.01")  # 1.9999 % below midnight, 3 % below the re-arming
    await desk.step(MIDNIGHT + HOUR_NS)
    assert "day_caps" not in holding(desk)


async def test_a_drawdown_that_is_re_armed_begins_at_the_equity_of_now(desk: Desk) -> None:
    worth(desk, "20000")
    await desk.step()
    worth(desk, "17000")
    await desk.step(T0 + 3 * DAY_NS)
    assert desk.rearm("drawdown")
    assert desk.books.read(lambda conn: accounts.account(conn, ACCOUNT)).peak_equity == 17_000
    worth(desk, "15301")
    await desk.step(T0 + 6 * DAY_NS)
    assert "drawdown" not in desk.latched()
    worth(desk, "15300")
    await desk.step(T0 + 9 * DAY_NS)
    assert "drawdown" in desk.latched()


async def test_the_floor_moves_only_when_a_person_says_so(desk: Desk) -> None:
    worth(desk, "8000")
    await desk.step()
    with pytest.raises(ConfigError, match=r"would trip again at once: start_loss is 20 %.*; --rebase measures from"):
        desk.rearm("equity_floor")
    assert desk.rearm("equity_floor", rebase=True)
    assert desk.books.read(lambda conn: accounts.account(conn, ACCOUNT)).start_equity == 10_000
    worth(desk, "6800")
    await desk.step(T0 + 3 * DAY_NS)
    assert "equity_floor" not in desk.latched()
    worth(desk, "6799.99")
    await desk.step(T0 + 6 * DAY_NS)
    assert "equity_floor" in desk.latched()


async def test_the_floor_may_be_re_armed_where_equity_came_back(desk: Desk) -> None:
    worth(desk, "8000")
    await desk.step()
    worth(desk, "8500")
    assert desk.rearm("equity_floor")
    worth(desk, "8499")
    await desk.step(T0 + 1)
    assert "equity_floor" in desk.latched(), "it is still counted from the start"


async def test_only_the_floor_can_be_moved(desk: Desk) -> None:
    lose(desk, 5)
    await desk.step()
    with pytest.raises(ConfigError, match=r"latch #\d+ \(losing_streak, .*\) does not read it"):
        desk.rearm("losing_streak", rebase=True)
    assert desk.latched() == ["losing_streak"]


async def test_a_loss_cannot_be_re_armed_while_nobody_knows_what_the_account_is_worth(desk: Desk) -> None:
    await desk.bought("2")
    worth(desk, "9000")
    await desk.step()
    del desk.market._quotes["BTC/USDT"]
    with pytest.raises(ConfigError, match="cannot be measured from now: a held asset has no price"):
        desk.rearm("day_halt")
    assert "day_halt" in desk.latched()


# By command.


async def test_a_halt_by_a_person_latches_and_cancels_resting_entries(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    entry = desk.buy("1", at="96", symbol="ETH/USDT")
    await desk.propose(entry)
    await desk.gate.halt(by="ada", reason="the news")
    assert (desk.state(), desk.latched()) == (TradingState.HALTED, ["kill"])
    assert desk.order_of(entry).state is OrderState.CANCELLED
    assert desk.held() == desk.armed() == 2
    assert desk.causes()[0].detail == "the kill switch is pulled: the news (ada)"
    assert denials(await desk.propose(desk.buy("1"))) == [DenialCode.TRADING_STATE]


async def test_a_halt_by_a_person_is_one_latch_however_often_it_is_said(desk: Desk) -> None:
    await desk.gate.halt(by="ada", reason="once")
    await desk.gate.halt(by="bob", reason="twice")
    assert [cause.detail for cause in desk.causes()] == ["the kill switch is pulled: once (ada)"]


async def test_a_person_may_re_arm_what_a_person_halted(desk: Desk) -> None:
    await desk.gate.halt(by="ada", reason="the news")
    (latch,) = desk.rows("latches")
    assert await desk.gate.rearm(latch.id, by="ada", reason="old news")
    assert (await desk.step()).state is TradingState.ACTIVE


# The journal.


async def test_a_trip_is_journaled_with_what_was_read_and_what_it_sets(desk: Desk) -> None:
    worth(desk, "9800")
    await desk.step()
    (entry,) = journaled(desk, "breaker")
    assert entry == {
        "account_id": ACCOUNT,
        "cause": "day_caps",
        "reads": "day_loss",
        "value": "0.02",
        "limit": "0.02",
        "scope": "account",
        "state": "active",
        "caps": "0.5",
        "kind": "window",
        "tripped_ns": T0,
        "until_ns": MIDNIGHT,
        "detail": "day_loss is 2 %, trips at 2 %",
    }


async def test_trips_and_re_armings_are_journaled_once(desk: Desk) -> None:
    desk.kill.on = True
    await desk.step()
    await desk.step()
    desk.kill.on = False
    desk.rearm("kill")
    assert [e["cause"] for e in journaled(desk, "breaker")] == ["kill"]
    ((latch, by, reason),) = [(e["latch"], e["by"], e["reason"]) for e in journaled(desk, "rearmed")]
    assert (latch, by, reason) == (1, "ada", "seen")


# A policy of one's own.


async def test_a_halt_of_one_symbol_cancels_its_entries_alone(open_desk: Opened) -> None:
    desk = open_desk(breakers=own("data_quality", state="halted", kind="latch", quiet_s=None))
    await desk.bought("2", stop="90")
    here, there = desk.buy("1", at="96", stop="80"), desk.buy("1", at="96", symbol="ETH/USDT")
    await desk.propose(here)
    await desk.propose(there)
    now_ns = desk.clock.now_ns() + 1
    desk.market.show("100", at_ns=now_ns, spread="-0.02")
    report = await desk.step(now_ns)
    assert (desk.order_of(here).state, desk.order_of(there).state) == (OrderState.CANCELLED, OrderState.OPEN)
    assert (report.state, desk.standing("BTC/USDT").state) == (TradingState.ACTIVE, TradingState.HALTED)


def own(name: str, **fields: Any) -> list[dict[str, Any]]:
    """The standard breakers with one changed."""
    from risk.breakers import STANDARD

    return [{**b.model_dump(), **(fields if b.name == name else {})} for b in STANDARD]


# What a venue or a person can do to a reading.


async def test_after_a_withdrawal_a_loss_is_a_part_of_what_was_left(desk: Desk) -> None:
    """Of 10 000, 9 000 are taken out; 35 of the rest are 3.5 %, and nobody lost a third of a percent."""
    withdraw(desk, "9000")
    worth(desk, "965")
    await desk.step()
    assert {"day_caps", "day_reducing"} <= {*holding(desk)}


async def test_after_a_withdrawal_losing_everything_is_losing_everything(desk: Desk) -> None:
    withdraw(desk, "9000")
    worth(desk, "849")
    await desk.step()
    assert {"equity_floor", "day_halt"} <= {*holding(desk)}


async def test_a_clock_that_is_turned_back_still_trips_what_holds(desk: Desk) -> None:
    await desk.step(T0 + HOUR_NS)
    desk.clock = ManualClock(T0 + HOUR_NS - 3 * SECOND_NS)
    back = desk.restarted()
    back.kill.pull("a drill")
    await back.watch.step()
    assert {"kill", "clock_skew"} <= {*holding(back)}


async def test_an_idle_line_forgets_what_failed_an_hour_ago(desk: Desk) -> None:
    for _ in range(20):
        with suppress(ExchangeUnavailable), desk.vitals.call():
            raise ExchangeUnavailable("down")
    assert desk.vitals.readings()[Reading.VENUE_FAILURE_RATE].value == 1
    desk.clock.advance_to(T0 + HOUR_NS)
    assert desk.vitals.readings()[Reading.VENUE_FAILURE_RATE].value is None
