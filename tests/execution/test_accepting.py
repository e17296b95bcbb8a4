"""A person takes the venue's totals as they are: balances alone, journaled, once."""

import json
from decimal import Decimal

import pytest
from sqlalchemy import Connection

from core.errors import ConfigError
from core.time import SECOND_NS
from execution.accepting import accept
from execution.mismatches import Reconciled
from memory.books import accounts
from risk.states import TradingState
from tests.execution.desk import ACCOUNT, T0, Desk
from tests.execution.handmade import Exchange


@pytest.fixture
def exchange(desk: Desk) -> Exchange:
    return Exchange.under(desk)


async def agreed(desk: Desk) -> Reconciled:
    desk.clock.advance_to(desk.clock.now_ns() + 10 * SECOND_NS)
    return await desk.reconciler.reconcile()


def accepted(desk: Desk, found: Reconciled, reason: str = "interest") -> dict[str, Decimal]:
    said = {"by": "ada", "reason": reason}
    now_ns = desk.clock.now_ns()
    return desk.books.write(lambda conn: accept(conn, ACCOUNT, desk.market, found, now_ns=now_ns, **said))


def transferred(desk: Desk) -> Decimal:
    return desk.books.read(lambda conn: accounts.transferred(conn, ACCOUNT))


async def test_money_that_no_list_tells_of_is_accepted_journaled_and_is_no_profit(
    desk: Desk, exchange: Exchange
) -> None:
    exchange.purse |= {"USDT": Decimal("10000.01"), "DOGE": Decimal(3)}
    off = accepted(desk, await agreed(desk))
    assert off == {"USDT": Decimal("0.01"), "DOGE": Decimal(3)}
    assert (await agreed(desk)).clean
    assert (desk.cash(), "DOGE" in desk.balances(), transferred(desk)) == (
        Decimal("10000.01"),
        False,
        Decimal("0.01"),
    )
    (told,) = [json.loads(row.body) for row in desk.rows("journal") if row.kind == "accepted"]
    assert (told["by"], told["reason"], sorted(told["balances"])) == ("ada", "interest", ["DOGE", "USDT"])
    desk.rearm("mismatch")
    assert (await desk.step()).state is TradingState.ACTIVE


async def test_what_is_gone_is_taken_from_outside_first(desk: Desk, exchange: Exchange) -> None:
    def coins(conn: Connection) -> None:
        accounts.deposit(conn, ACCOUNT, "BTC", Decimal(1), ts_ns=T0, reason="old coins", price=Decimal(100))
        accounts.set_outside(conn, ACCOUNT, {"BTC": Decimal(2)})

    desk.books.write(coins)
    exchange.purse["BTC"] = Decimal("0.5")
    assert accepted(desk, await agreed(desk)) == {"BTC": Decimal("-2.5")}
    # Half a coin at 100 left the account.
    assert (desk.balances()["BTC"], transferred(desk)) == (Decimal("0.5"), 50)
    assert (await agreed(desk)).clean


async def test_an_order_of_somebody_else_cannot_be_accepted_as_money(desk: Desk, exchange: Exchange) -> None:
    exchange.takes("1")
    exchange.purse["USDT"] += 1
    with pytest.raises(ConfigError, match="this is off as well: unknown order"):
        accepted(desk, await agreed(desk))
    assert desk.cash() == 10_000


async def test_there_must_be_something_to_accept_and_a_reason(desk: Desk, exchange: Exchange) -> None:
    with pytest.raises(ConfigError, match="nothing to accept"):
        accepted(desk, await agreed(desk))
    with pytest.raises(ConfigError, match="needs a reason"):
        accepted(desk, await agreed(desk), reason="")
    with pytest.raises(ConfigError, match="too active to be judged: USDT"):
        accepted(desk, Reconciled(1, left_alone=("USDT",)))
