from dataclasses import replace
from decimal import Decimal

from core.orders import Side
from tests.models.builders import walk
from tests.tools.builders import account, context, end_of, holding, quote_at, without_quote
from tools.context import AccountView, ToolContext
from tools.portfolio import PortfolioView, portfolio_view
from tools.spec import ToolInput


def at_30000(held: AccountView) -> ToolContext:
    bars = walk(300)
    return context(bars, quote_at("30000", end_of(bars)), held=held)


def view(cycle: ToolContext) -> PortfolioView:
    answer = portfolio_view(cycle, ToolInput())
    assert isinstance(answer, PortfolioView)
    return answer


def test_a_held_symbol_without_a_price_is_shown_with_nothing_invented() -> None:
    seen = view(replace(without_quote(), account=account("10000", "7000", holding("0.1", "29000"))))
    (held,) = seen.positions
    assert (held.quantity, held.last, held.unrealised, held.exposure) == (Decimal("0.1"), None, None, None)
    assert seen.gross_exposure is None


def test_exposure_of_an_account_without_equity_is_null() -> None:
    seen = view(at_30000(account("0", "0", holding("0.1", "29000"))))
    assert (seen.positions[0].exposure, seen.gross_exposure) == (None, None)


def test_an_empty_account_has_no_exposure() -> None:
    seen = view(at_30000(account()))
    assert (seen.positions, seen.gross_exposure) == ((), Decimal("0"))


def test_a_long_gains_as_the_price_rises_and_a_short_loses() -> None:
    (long,) = view(at_30000(account("10000", "7000", holding("0.1", "29000")))).positions
    (short,) = view(at_30000(account("10000", "7000", holding("0.1", "29000", Side.SELL)))).positions
    assert (long.unrealised, short.unrealised) == (Decimal(100), Decimal(-100))
    assert (long.exposure, short.exposure) == (Decimal("0.3"), Decimal("0.3"))


def test_limits_are_shown_by_their_codes() -> None:
    assert view(at_30000(account())).limits == {"ASSET_EXPOSURE": Decimal("0.2")}
