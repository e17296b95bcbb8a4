"""The keyless way to think: a small language of commands. `docs/chat.md` writes it down; nothing is guessed.

A sentence becomes the call of a tool, as a language model would make it, or one of a few words about the talk itself.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from agents.chat.words import Unclear, Words
from core.money import text_of
from core.time import duration_ns


@dataclass(frozen=True, slots=True)
class Call:
    """A tool with its arguments."""

    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Yes:
    """To the action that waits."""


@dataclass(frozen=True, slots=True)
class No:
    """To the action that waits."""


@dataclass(frozen=True, slots=True)
class Help:
    """What the chat can do."""


@dataclass(frozen=True, slots=True)
class Beyond:
    """What a person alone may do, and the verb of `warden` that does it."""

    what: str
    verb: str


Sentence = Call | Yes | No | Help | Beyond

_YES: Final = ("yes", "y")
_NO: Final = ("no", "n")
_FILL: Final = frozenset({"did", "do", "does", "you", "was", "were", "is", "the", "my", "a", "an", "it", "i", "we"})
_DOING: Final = {
    "buy": "buy",
    "bought": "buy",
    "buying": "buy",
    "sell": "sell",
    "sold": "sell",
    "selling": "sell",
    "denied": "denied",
    "deny": "denied",
    "not": "passed",
    "nothing": "passed",
    "didn't": "passed",
    "pass": "passed",
}
_EVERY: Final = {"hour": "1h", "day": "1d", "week": "7d", "month": "30d"}
_DEFAULT_ORDERS: Final = 30

# A person's own verbs: the chat holds no way to any of them.
BEYOND: Final = {
    "approve": Beyond("approve an order", "warden approvals approve ID"),
    "reject": Beyond("reject an order", "warden approvals reject ID"),
    "resume": Beyond("resume trading", "warden risk resume REASON"),
    "rearm": Beyond("re-arm a breaker", "warden risk resume REASON"),
    "lift": Beyond("lift a restriction", "warden risk lift REASON"),
    "waive": Beyond("waive a rule of going live", "warden risk waive REASON"),
    "halt": Beyond("halt the desk", "warden risk halt REASON"),
    "kill": Beyond("halt the desk", "warden risk halt REASON"),
    "close": Beyond("close a position", "warden close SYMBOL"),
    "flatten": Beyond("close everything", "warden flatten"),
    "cancel": Beyond("cancel an order", "warden orders cancel ID"),
    "set": Beyond("change a limit", "warden risk policy FILE, and name the file in warden.toml"),
    "raise": Beyond("change a limit", "warden risk policy FILE, and name the file in warden.toml"),
    "limit": Beyond("change a limit", "warden risk policy FILE, and name the file in warden.toml"),
    "pause": Beyond("pause an instruction", "warden instructions pause ID"),
    "end": Beyond("end an instruction", "warden instructions end ID"),
}


def parse(text: str, symbols: Callable[[], tuple[str, ...]]) -> Sentence:
    """One sentence. Raises Unclear where it is none, with what is near."""
    words = Words(text.removeprefix("/"), symbols)
    verb = words.peek()
    words.take()
    if verb in BEYOND:
        return BEYOND[verb]
    rule = _RULES.get(verb)
    if rule is None:
        near = get_close_matches(verb, [*_RULES, *BEYOND], n=1, cutoff=0.7)
        hint = f"did you mean `{near[0]}`?" if near else "this desk speaks a small language, and no other"
        raise Unclear(f"`{text[:60]}` is no command; {hint} `help` lists every command")
    sentence = rule(words)
    words.end()
    return sentence


def _plain(tool: str) -> Callable[[Words], Sentence]:
    return lambda words: Call(tool)


def _orders(words: Words) -> Sentence:
    return Call("orders", {"ended": words.takes("all")})


def _forecasts(words: Words) -> Sentence:
    return Call("forecasts", {"symbol": None if words.done else words.symbol()})


def _news(words: Words) -> Sentence:
    return Call("news", {"symbol": words.symbol()})


def _quote(words: Words) -> Sentence:
    return Call("quote", {"text": words.take()})


def _record(words: Words) -> Sentence:
    return Call("record", {"record": words.take()})


def _prompts(words: Words) -> Sentence:
    return Call("prompts", {"record": words.take()})


def _why(words: Words) -> Sentence:
    """why [words between] [buy | sell | denied | not] SYMBOL [buy | sell | denied | not]"""
    about, symbol = "any", ""
    while not words.done:
        words.skip(_FILL)
        if words.done:
            break
        if words.peek() in _DOING:
            said = _DOING[words.peek()]
            words.take()
            about = about if about == "passed" else said
        elif symbol:
            break
        else:
            symbol = words.symbol()
    if not symbol:
        raise Unclear("say of which symbol, such as `why BTC` or `why was ETH denied`")
    return Call("why", {"symbol": symbol, "about": about})


def _what(words: Words) -> Sentence:
    """what if ORDER"""
    words.takes("if")
    words.skip(_FILL)
    side = words.peek()
    if side not in ("buy", "sell"):
        raise Unclear("expected `what if buy 0.1 BTC stop 58000`")
    words.take()
    return Call("whatif", _order(words, side))


def _trade(side: str) -> Callable[[Words], Sentence]:
    return lambda words: Call("propose", _order(words, side))


def _order(words: Words, side: str) -> dict[str, Any]:
    """[NUMBER [QUOTE of]] SYMBOL {(at | stop | target) PRICE} [because WORDS]"""
    order: dict[str, Any] = {"side": side}
    amount = words.number("how much") if words.at_number else None
    if amount is not None and _for_money(words):
        order["worth"] = text_of(amount)
    elif amount is not None:
        order["quantity"] = text_of(amount)
    order["symbol"] = words.symbol()
    names = {"at": "limit", "limit": "limit", "stop": "stop", "target": "target"}
    while not words.done and words.peek() != "because":
        name = words.peek()
        if name not in names:
            raise Unclear(f"expected at, stop, target or because, found {words.take()[:60]!r}")
        words.take()
        if names[name] in order:
            raise Unclear(f"{name} is said twice")
        order[names[name]] = text_of(words.number(f"the price of {name}"))
    if words.takes("because"):
        order["because"] = words.rest()
        if not order["because"]:
            raise Unclear("because of what? The reason is missing")
    return order


def _for_money(words: Words) -> bool:
    """QUOTE of SYMBOL, such as in 50 USDT of BTC. Raises Unclear for money that the symbol is not priced in."""
    money = words.takes_before("of")
    if money is None:
        return False
    symbol = words.next_symbol()
    quote = symbol.partition("/")[2].partition(":")[0]
    if money.upper() != quote:
        raise Unclear(f"{symbol} is bought for {quote}, found {money[:60]!r}")
    return True


def _every(words: Words) -> Sentence:
    """every (DURATION | hour | day | week | month) buy NUMBER QUOTE of SYMBOL [NUMBER times]"""
    span = words.take().lower()
    every = _EVERY.get(span, span)
    duration_ns(every)
    if not words.takes("buy") or not words.at_number:
        raise Unclear("expected `every day buy 50 USDT of BTC`")
    quote = words.number("how much money")
    if not _for_money(words):
        raise Unclear("say for how much money, such as `every day buy 50 USDT of BTC`")
    symbol, orders = words.symbol(), _DEFAULT_ORDERS
    words.takes("for")
    if words.at_number:
        count = words.number("how many times")
        if count != int(count) or not words.takes("times", "orders"):
            raise Unclear("say how often as `10 times`")
        orders = int(count)
    strategy = {"kind": "dca", "symbol": symbol, "quote": text_of(quote), "every": every}
    budget = {"max_orders": orders, "max_spend": text_of(quote * orders)}
    return Call("instruct", {"body": json.dumps({"strategy": strategy, "budget": budget})})


_RULES: Final[dict[str, Callable[[Words], Sentence]]] = {
    "help": lambda words: Help(),
    "portfolio": _plain("portfolio"),
    "positions": _plain("portfolio"),
    "pnl": _plain("pnl"),
    "profit": _plain("pnl"),
    "orders": _orders,
    "waiting": _plain("waiting"),
    "approvals": _plain("waiting"),
    "risk": _plain("risk"),
    "state": _plain("risk"),
    "forecast": _forecasts,
    "forecasts": _forecasts,
    "news": _news,
    "quote": _quote,
    "record": _record,
    "prompts": _prompts,
    "why": _why,
    "what": _what,
    "whatif": _what,
    "buy": _trade("buy"),
    "sell": _trade("sell"),
    "run": _plain("run"),
    "decide": _plain("run"),
    "every": _every,
    "instructions": _plain("instructions"),
    **dict.fromkeys(_YES, lambda words: Yes()),
    **dict.fromkeys(_NO, lambda words: No()),
}

COMMANDS: Final = tuple(word for word in _RULES if len(word) > 1)

USAGE: Final = (
    ("portfolio, pnl, orders [all], waiting", "what is held, earned, ordered, and waits for a person"),
    ("risk", "the trading state, and how near each breaker is"),
    ("forecast [BTC], news BTC", "what the forecasters say; what was heard, as typed events"),
    ("why BTC, why did you buy BTC, why was BTC denied", "answered from the records, with their ids"),
    ("record ID, quote ID, prompts ID", "one record; the words of a text or of a model, which taint this thread"),
    ("what if buy 0.1 BTC stop 58000", "what the gate would say; without an amount the sizing tool says how much"),
    ("buy 0.1 BTC stop 58000 because ...", "propose an order: the gate decides, after your yes"),
    ("buy 50 USDT of BTC at 60000 stop 58000 target 70000 because ...", "the same for money, at a limit"),
    ("sell 0.1 BTC", "propose to sell"),
    ("run", "decide now: one cycle over the desk's symbols, after your yes"),
    ("every day buy 50 USDT of BTC 30 times", "a standing instruction, after your yes; `instructions` lists them"),
    ("yes, no", "to what waits for your word"),
)
