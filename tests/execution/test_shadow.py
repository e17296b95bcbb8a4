"""A shadow policy: reviewed beside the active one, written down where it differs, and without any say."""

from typing import Any

import pytest

from core.verdicts import AnswerKind
from execution.shadow import Shadow
from memory.books import journal
from memory.books.database import Books
from risk.review import Rulebook
from risk.settings import RiskSettings
from tests.execution.desk import ACCOUNT, ROOMY, Desk, lose
from tests.execution.test_breakers import own


def shadowed(books: Books, *, active: dict[str, Any] | None = None, **shadow: Any) -> Desk:
    """A desk with these limits, and others in its shadow."""
    desk = Desk.open(books, **(active or {}))
    rules = Rulebook(RiskSettings.model_validate({**ROOMY, **shadow}))
    desk.gate._examiner._shadow = Shadow(ACCOUNT, rules)
    return desk


def differences(desk: Desk) -> list[tuple[Any, Any]]:
    found = desk.books.read(lambda conn: journal.entries(conn, ACCOUNT))
    return [(e.body["active"], e.body["shadow"]) for e in found if e.kind == "shadow"]


ALLOWED: dict[str, Any] = {"allowed": True, "denied": []}


def denied(*codes: str) -> dict[str, Any]:
    return {"allowed": False, "denied": sorted(codes)}


async def test_the_same_policy_in_the_shadow_never_differs(books: Books) -> None:
    desk = shadowed(books)
    await desk.propose(desk.buy("5"))
    await desk.propose(desk.buy("500"))
    lose(desk, 5)
    await desk.propose(desk.buy("1", symbol="ETH/USDT"))
    assert differences(desk) == []


async def test_a_tighter_shadow_is_told_of_and_denies_nothing(books: Books) -> None:
    desk = shadowed(books, max_asset_exposure="0.05")
    receipt = await desk.propose(desk.buy("6"))
    assert receipt.kind is AnswerKind.WORKING
    assert differences(desk) == [(ALLOWED, denied("ASSET_EXPOSURE"))]


async def test_a_looser_shadow_is_told_of_and_allows_nothing(books: Books) -> None:
    desk = shadowed(books, active={"max_asset_exposure": "0.05"})
    receipt = await desk.propose(desk.buy("6"))
    assert receipt.kind is AnswerKind.DENIED
    assert differences(desk) == [(denied("ASSET_EXPOSURE"), ALLOWED)]


async def test_two_denials_for_other_reasons_differ(books: Books) -> None:
    desk = shadowed(books, active={"max_asset_exposure": "0.05"}, max_order_notional="100")
    await desk.propose(desk.buy("6"))
    assert differences(desk) == [(denied("ASSET_EXPOSURE"), denied("ORDER_NOTIONAL"))]


async def test_its_breakers_read_what_the_active_ones_read(books: Books) -> None:
    desk = shadowed(books, breakers=own("losing_streak", at="3"))
    lose(desk, 3)
    await desk.propose(desk.buy("1"))
    assert differences(desk) == [(ALLOWED, denied("TRADING_STATE"))]
    assert desk.causes() == [], "the shadow trips nothing"


async def test_a_live_latch_counts_in_the_shadow_too(books: Books) -> None:
    """A streak that ended is still latched: the shadow would have latched it as well."""
    desk = shadowed(books)
    lose(desk, 5)
    await desk.step()
    desk.clock.advance_to(desk.clock.now_ns() + 1)
    lose(desk, 1, pnl="5")
    await desk.propose(desk.buy("1"))
    assert differences(desk) == []


async def test_a_latch_counts_with_the_state_that_the_shadow_gives_it(books: Books) -> None:
    desk = shadowed(books, active={"breakers": own("losing_streak", state="halted")})
    lose(desk, 5)
    receipt = await desk.propose(desk.buy("1"))
    assert (receipt.review.state, differences(desk)) == ("halted", []), "both deny by TRADING_STATE"


async def test_an_exit_that_both_allow_is_no_difference(books: Books) -> None:
    desk = shadowed(books, max_spread_bps="1")
    await desk.bought("2")
    before = len(differences(desk))
    await desk.propose(desk.sell("2"))
    assert len(differences(desk)) == before


@pytest.mark.parametrize("limit", ["0.20", "0.2"])
async def test_a_limit_written_otherwise_is_no_difference(books: Books, limit: str) -> None:
    desk = shadowed(books, max_asset_exposure=limit)
    await desk.propose(desk.buy("21", at="100"))
    assert differences(desk) == []
