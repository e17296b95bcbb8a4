"""What a replay came to: its trades add up to its equity, and all of it comes from the books."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from core.errors import ConfigError
from core.orders import Side
from core.time import HOUR_NS
from desk.booked import BookedFill, Payment, round_trips
from desk.home import Home
from desk.outcome import halted, outcome_of
from desk.rehearsal import Rehearsal
from desk.runs import RunCommand, RunResult, open_run
from desk.settings import Settings
from memory.books import records
from tests.desk.desks import BUYS_ETH, LIVELY, books_of, moment, report_of, series
from tools.simulation.outcome import ExitReason, Outcome

D = Decimal
BTC = "BTC/USDT"
STEPS = {BTC: D("0.001")}


async def rehearse(home: Home, command: RunCommand, settings: Settings | None = None) -> tuple[RunResult, Outcome]:
    chosen = settings or Settings()
    async with open_run(home, chosen, command) as opened:
        result = await opened.execute()
        market = opened.desk.market
    with books_of(home) as books:
        run = books.read(lambda conn: records.find_run(conn, result.run_id))
        assert run is not None
        return result, books.read(lambda conn: outcome_of(conn, run, market, chosen))


async def test_the_trades_of_a_replay_add_up_to_its_equity(home: Home, candles: dict[str, str]) -> None:
    command = replace(series(candles, *LIVELY, every_h=6), rehearsal=Rehearsal())
    result, outcome = await rehearse(home, command)
    report = report_of(home, result)
    assert len(outcome.trades) > 2
    assert outcome.equity[-1] == pytest.approx(float(report["equity"]["last"]), abs=1e-9)
    gained = outcome.equity[-1] - float(report["equity"]["start"])
    assert sum(trade.profit for trade in outcome.trades) == pytest.approx(gained, abs=1e-6)
    assert outcome.vetoes == report["denied_by"]
    assert (np.diff(outcome.close_ns) > 0).all()
    assert len(outcome.exposure) == len(outcome.held) == len(outcome.equity)
    assert 0 <= outcome.exposure.min() <= outcome.exposure.max() <= 1
    stopped = [trade for trade in outcome.trades if trade.reason is ExitReason.STOP]
    assert len(stopped) <= report["stops_fired"]
    assert all(trade.stop is not None for trade in stopped)
    with books_of(home) as books:
        run = books.read(lambda conn: records.find_run(conn, result.run_id))
        assert run is not None
        told = books.read(lambda conn: halted(conn, run))
    assert told == {"cycles": result.cycles, "left_out": result.planned - result.cycles, "tripped": 0, "rearmed": 0}


async def test_a_run_that_saw_no_two_bars_has_no_outcome(home: Home) -> None:
    with pytest.raises(ConfigError, match="a report needs two: run it further"):
        await rehearse(home, moment(BUYS_ETH))


def fill(side: Side, quantity: str, price: str, at_h: int, fee: str = "0.1", **other: object) -> BookedFill:
    told: dict[str, object] = {
        "symbol": BTC,
        "side": side,
        "at_ns": at_h * HOUR_NS,
        "quantity": D(quantity),
        "price": D(price),
        "fee": D(fee),
        "fee_quantity": D(0),
        "reason": ExitReason.SIGNAL,
        "source": "cycle:1",
        "created_ns": at_h * HOUR_NS,
        "trigger": None,
        "stop": None,
    }
    return BookedFill(**{**told, **other})  # type: ignore[arg-type]


def test_a_trade_lasts_from_flat_to_flat_and_averages_its_fills() -> None:
    fills = [
        fill(Side.BUY, "1", "100", 1),
        fill(Side.BUY, "1", "110", 2),
        fill(Side.SELL, "1.5", "120", 3),
        fill(Side.SELL, "0.5", "90", 4, reason=ExitReason.STOP),
    ]
    [trade] = round_trips(fills, (), STEPS, lambda symbol, at_ns: 100.0, 99 * HOUR_NS)
    assert (trade.opened_ns, trade.closed_ns, trade.reason) == (HOUR_NS, 4 * HOUR_NS, ExitReason.STOP)
    assert (trade.quantity, trade.entry, trade.exit) == (2.0, 105.0, 112.5)
    assert trade.profit == pytest.approx(15 - 0.4)
    # Bought 0 and 10 above 100, sold 20 above and 10 below it.
    assert trade.slippage == pytest.approx(0 + 10 - 30 + 5)


def test_what_is_left_below_a_lot_is_as_good_as_nothing() -> None:
    fills = [fill(Side.BUY, "1", "100", 1, fee_quantity=D("0.0005")), fill(Side.SELL, "0.999", "100", 2)]
    [trade] = round_trips(fills, (), STEPS, lambda symbol, at_ns: 100.0, 99 * HOUR_NS)
    assert trade.reason is ExitReason.SIGNAL


def test_what_is_held_at_the_end_is_closed_at_the_last_price() -> None:
    [trade] = round_trips([fill(Side.BUY, "1", "100", 1)], (), STEPS, lambda symbol, at_ns: 130.0, 99 * HOUR_NS)
    assert (trade.reason, trade.exit, trade.closed_ns) == (ExitReason.END, 130.0, 99 * HOUR_NS)
    assert trade.profit == pytest.approx(29.9)


def test_funding_belongs_to_the_trade_that_it_was_paid_in() -> None:
    fills = [fill(Side.SELL, "1", "100", 1), fill(Side.BUY, "1", "90", 9)]
    payments = (Payment(BTC, 8 * HOUR_NS, D("-0.5")), Payment(BTC, 16 * HOUR_NS, D("7")))
    [trade] = round_trips(fills, payments, STEPS, lambda symbol, at_ns: 100.0, 99 * HOUR_NS)
    assert (trade.direction, trade.funding) == (-1, -0.5)
    assert trade.profit == pytest.approx(10 - 0.2 + 0.5)


def test_a_stop_is_measured_against_its_trigger() -> None:
    fills = [fill(Side.BUY, "1", "100", 1), fill(Side.SELL, "1", "88", 2, trigger=D("90"))]
    [trade] = round_trips(fills, (), STEPS, lambda symbol, at_ns: 100.0, 99 * HOUR_NS)
    assert trade.slippage == pytest.approx(2)
