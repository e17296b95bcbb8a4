"""What a model is shown of an account: fractions of equity, unless the settings say amounts. No names at any time."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from core.canonical import JSON
from core.money import significant

_NAMES: Final = frozenset({"account", "account_id", "by", "confirmed_by", "owner", "principal", "memo"})
# Money that can be told as a fraction of equity.
_MONEY: Final = frozenset(
    {
        "equity",
        "start_equity",
        "peak_equity",
        "realised",
        "unrealised",
        "fees",
        "net",
        "worth",
        "lost_at_stop",
        "start",
        "last",
        "lowest",
        "highest",
    }
)
# Amounts that say how large the account is, and are of no use without it.
_AMOUNTS: Final = frozenset(
    {
        "average",
        "balances",
        "working_orders",
        "stops",
        "quantity",
        "filled",
        "filled_quantity",
        "filled_notional",
        "fills",
        "fee",
        "spent",
        "quote",
        "budget",
        "largest",
        "largest_allowed",
        "verdicts",
        "does",
        "body",
        "detail",
        "value",
    }
)


def shown(data: JSON, equity: Decimal | None, *, amounts: bool) -> JSON:
    """A tool's answer as a model may see it. `equity` None leaves money out."""
    if isinstance(data, list):
        return [shown(each, equity, amounts=amounts) for each in data]
    if not isinstance(data, Mapping):
        return data
    kept: dict[str, JSON] = {}
    for key, value in data.items():
        if key in _NAMES or (not amounts and key in _AMOUNTS):
            continue
        if not amounts and key in _MONEY and not isinstance(value, Mapping | list):
            kept[f"{key}_of_equity"] = _fraction(value, equity)
        elif not amounts and key == "positions" and isinstance(value, list):
            kept[key] = [_position(each, equity) for each in value]
        elif not amounts and key == "denials" and isinstance(value, list):
            kept[key] = [_denial(each) for each in value]
        else:
            kept[key] = shown(value, equity, amounts=amounts)
    return kept


def _position(held: Mapping[str, JSON], equity: Decimal | None) -> JSON:
    mark = held.get("mark")
    worth = None if mark is None else Decimal(held["quantity"]) * Decimal(mark)
    return {
        "symbol": held["symbol"],
        "side": held["side"],
        "average_price": held["average_price"],
        "mark": mark,
        "share_of_equity": _fraction(worth, equity),
        "unrealised_of_equity": _fraction(held.get("unrealised"), equity),
    }


def _denial(denial: Mapping[str, JSON]) -> JSON:
    kept = ("code", "text", "measured", "limit", "unit") if denial["unit"] == "fraction" else ("code", "text")
    return {key: denial[key] for key in kept}


def _fraction(value: JSON, equity: Decimal | None) -> str | None:
    if value is None or equity is None or equity <= 0:
        return None
    return significant(float(Decimal(value) / equity), 4)
