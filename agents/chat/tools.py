"""What a conversation may call: the same for a grammar and for a model. Most read; three make an action that waits.

An action is a typed wish with a key of its own. Nothing of it goes anywhere before its person has said yes.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final

from pydantic import ValidationError

from agents.chat.ports import ChatDesk, Found
from agents.chat.wishes import Nothing, OfAnySymbol, OfOrders, OfRecord, OfSymbol, OfText, OfWhy, OrderWish, Standing
from agents.chat.words import symbol_named
from core.canonical import JSON, Canonical
from core.errors import ConfigError, ToolInputError
from core.taint import Taint
from tools.spec import ToolInput, function_schema


@dataclass(frozen=True, slots=True)
class Setting:
    """What a tool works on: the desk, who asks, and how tainted the talk is."""

    desk: ChatDesk
    by: str
    taint: Taint


@dataclass(frozen=True, slots=True)
class ChatTool:
    """One tool. `shown` says that its answer is for a person's eyes alone: no model is offered it."""

    name: str
    description: str
    input: type[ToolInput]
    run: Callable[[Setting, Any], Awaitable[Found] | Found]
    shown: bool = False


@dataclass(frozen=True, slots=True)
class ActionTool:
    """One kind of action. `preview` answers what a person is to know before the yes, and raises where it is none."""

    name: str
    description: str
    input: type[ToolInput]
    preview: Callable[[Setting, Any], Awaitable[JSON]]


async def look(tool: ChatTool, setting: Setting, arguments: dict[str, Any]) -> Found:
    """Raises DeskError with what was found and what is allowed."""
    found = tool.run(setting, _resolved(setting.desk, checked(tool.name, tool.input, arguments)))
    return await found if isawaitable(found) else found


async def weigh(tool: ActionTool, setting: Setting, arguments: dict[str, Any]) -> JSON:
    return await tool.preview(setting, _resolved(setting.desk, checked(tool.name, tool.input, arguments)))


def checked(name: str, kind: type[ToolInput], arguments: dict[str, Any]) -> ToolInput:
    try:
        return kind.model_validate(arguments)
    except ValidationError as wrong:
        faults = [_fault(dict(error)) for error in wrong.errors(include_url=False, include_context=False)[:3]]
        raise ToolInputError(f"{name}: {'; '.join(faults)}") from None


def _fault(error: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "arguments"
    return f"{where}: {error['msg']}, found {error['input']!r:.60}"


def _resolved(desk: ChatDesk, given: ToolInput) -> ToolInput:
    """With the desk's own name of its symbol."""
    said = getattr(given, "symbol", None)
    return given if said is None else given.model_copy(update={"symbol": symbol_named(said, desk.symbols())})


def _why(setting: Setting, given: OfWhy) -> Found:
    found = setting.desk.decisions(given.symbol)
    told = [one for one in found.data if _is_about(one, given.about)]
    return Found(
        {"symbol": given.symbol, "about": given.about, "known": len(found.data), "told": told[:3]}, found.taint
    )


def _is_about(told: JSON, about: str) -> bool:
    orders = told["orders"]
    match about:
        case "buy" | "sell":
            return any(order["side"] == about for order in orders)
        case "denied":
            return any(order["kind"] == "denied" for order in orders)
        case "passed":
            return told["record"] == "decision" and not any(order["kind"] != "denied" for order in orders)
        case _:
            return True


async def _whatif(setting: Setting, given: OrderWish) -> Found:
    return Found(await setting.desk.whatif(given.model_dump(mode="json"), taint=setting.taint, by=setting.by))


async def _order(setting: Setting, given: OrderWish) -> JSON:
    told = (await _whatif(setting, given)).data
    return {"kind": "order", "order": told["order"], "preview": told}


async def _cycle(setting: Setting, given: Nothing) -> JSON:
    return {"kind": "cycle", "preview": {"symbols": list(setting.desk.symbols())}}


def refuse_tainted(taint: Taint) -> None:
    """A standing instruction would act for weeks on a person's word alone, and the taint would be forgotten."""
    if taint > Taint.TRUSTED:
        raise ConfigError(
            "this conversation has opened what came from outside, and no standing instruction may come of it: "
            "begin a new thread, or use `warden instructions add`"
        )


async def _standing(setting: Setting, given: Standing) -> JSON:
    refuse_tainted(setting.taint)
    try:
        body = json.loads(given.body, parse_float=str)
    except (ValueError, RecursionError) as wrong:
        raise ToolInputError(f"instruct: body is not JSON: {str(wrong)[:80]}") from None
    told = setting.desk.instruction(body)
    return {"kind": "instruction", "body": told["body"], "preview": told}


def _portfolio(setting: Setting, given: Nothing) -> Found:
    return Found(setting.desk.portfolio())


def _pnl(setting: Setting, given: Nothing) -> Found:
    return Found(setting.desk.profit())


def _orders(setting: Setting, given: OfOrders) -> Found:
    return Found(setting.desk.orders(ended=given.ended))


def _waiting(setting: Setting, given: Nothing) -> Found:
    return Found(setting.desk.waiting())


def _risk(setting: Setting, given: Nothing) -> Found:
    return Found(setting.desk.risk())


def _instructions(setting: Setting, given: Nothing) -> Found:
    return Found(setting.desk.instructions())


READS: Final = {
    tool.name: tool
    for tool in (
        ChatTool("portfolio", "Equity, balances, positions and stops.", Nothing, _portfolio),
        ChatTool("pnl", "What was earned and lost, fees, round trips.", Nothing, _pnl),
        ChatTool("orders", "Orders, those that may still fill unless asked otherwise.", OfOrders, _orders),
        ChatTool("waiting", "Proposals that wait for a person's approval.", Nothing, _waiting),
        ChatTool("risk", "The trading state and every breaker.", Nothing, _risk),
        ChatTool("forecasts", "What the forecasters last said.", OfAnySymbol, lambda s, g: s.desk.forecasts(g.symbol)),
        ChatTool("news", "What was last heard, as typed events.", OfSymbol, lambda s, g: s.desk.events(g.symbol)),
        ChatTool("why", "Decisions about a symbol and their reasons, from the records; cite record ids.", OfWhy, _why),
        ChatTool("record", "One record by its id.", OfRecord, lambda s, g: s.desk.record(g.record)),
        ChatTool("whatif", "What the gate would say of an order now; nothing is placed.", OrderWish, _whatif),
        ChatTool("instructions", "Standing instructions that have not ended.", Nothing, _instructions),
        ChatTool("quote", "The words of a text.", OfText, lambda s, g: s.desk.quote(g.text), shown=True),
        ChatTool("prompts", "The words of a model.", OfRecord, lambda s, g: s.desk.prompts(g.record), shown=True),
    )
}
ACTIONS: Final = {
    tool.name: tool
    for tool in (
        ActionTool("propose", "Show the person an order that they asked for; they say yes or no.", OrderWish, _order),
        ActionTool("run", "Ask the person whether to run one decision cycle now.", Nothing, _cycle),
        ActionTool(
            "instruct",
            "Show the person a standing instruction that they asked for; they say yes or no. Such as "
            '{"strategy": {"kind": "dca", "symbol": "BTC/USDT", "quote": "50", "every": "1d"}, '
            '"budget": {"max_orders": 30, "max_spend": "1500"}}; kinds are dca, grid, smart and rebalance.',
            Standing,
            _standing,
        ),
    )
}


def offered() -> tuple[Canonical, ...]:
    """Function definitions for a model: what reads without raw words, and what makes an action that waits."""
    reads = [function_schema(t.name, t.description, t.input) for t in READS.values() if not t.shown]
    return (*reads, *(function_schema(t.name, t.description, t.input) for t in ACTIONS.values()))
