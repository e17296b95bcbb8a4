"""What a model is shown of a tool's answer: compact, with ages instead of dates, and no amount of what is held."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from core.money import significant, text_of

MOST_LETTERS: Final = 12_000

# Of tools that speak of the account: what is divided by its equity, and what is left out. All else is of the market.
_DIVIDED: Final[Mapping[str, tuple[str, ...]]] = {
    "portfolio_view": ("equity", "start_equity", "cash"),
    "position_size": ("notional",),
}
_LEFT_OUT: Final[Mapping[str, tuple[str, ...]]] = {
    "portfolio_view": ("positions",),
    "position_size": ("quantity", "largest"),
}


def shown(tool: str, answer: Mapping[str, Any], equity: Decimal, *, amounts: bool) -> str:
    """The answer as text for a model; one that is too long is replaced by what to do about it."""
    told = dict(answer)
    if not amounts and "unavailable" not in told:
        told = _as_fractions(tool, told, equity)
    if tool == "recent_bars" and "rows" in told:
        told = _with_ages(told)
    text = json.dumps({k: v for k, v in told.items() if v is not None}, separators=(",", ":"), ensure_ascii=False)
    if len(text) > MOST_LETTERS:
        return json.dumps({"error": f"the answer has {len(text)} letters, {MOST_LETTERS} can be shown: ask for less"})
    return text


def _as_fractions(tool: str, told: dict[str, Any], equity: Decimal) -> dict[str, Any]:
    for field in _DIVIDED.get(tool, ()):
        whole = told.get(field)
        told[field] = None if whole is None or equity <= 0 else _share(Decimal(whole), equity)
    if tool == "portfolio_view":
        told["holds"] = [
            {k: position[k] for k in ("symbol", "side", "average_price", "last", "exposure")}
            for position in told.get("positions", ())
        ]
    return {field: value for field, value in told.items() if field not in _LEFT_OUT.get(tool, ())}


def _with_ages(told: dict[str, Any]) -> dict[str, Any]:
    """Bars by how many ago they closed: a date would tell a model which history it is in."""
    rows = list(told["rows"])
    aged = [[len(rows) - 1 - at, *row[1:]] for at, row in enumerate(rows)]
    return {**told, "columns": ["bars_ago", *list(told["columns"])[1:]], "rows": aged}


def _share(part: Decimal, whole: Decimal) -> str:
    return text_of(Decimal(significant(float(part / whole), 4)))
