"""How numbers, stances and verdicts look to a person."""

from decimal import Decimal

from rich.text import Text

from agents.contamination import Label
from core.canonical import JSON

_BAR = 8


def money(value: JSON, places: int = 2) -> str:
    """'10,049.09'; a dash for nothing."""
    return "—" if value is None else f"{Decimal(value):,.{places}f}"


def price(value: JSON) -> str:
    """All the digits that it has, in thousands."""
    return "—" if value is None else f"{Decimal(value):,f}"


def average(value: JSON) -> str:
    """A price that is a quotient: '50,123.457', '0.000012345679'. Eight digits, and two decimals at least."""
    if value is None:
        return "—"
    number = Decimal(value)
    places = max(2, 7 - number.adjusted()) if number else 2
    whole, _, part = f"{number:,.{places}f}".partition(".")
    return f"{whole}.{part[:2]}{part[2:].rstrip('0')}"


def amount(value: JSON, places: int) -> str:
    """At most so many decimals, without trailing zeros beyond the second."""
    shown = f"{Decimal(value):,.{places}f}"
    return shown if places <= 2 else shown.rstrip("0").rstrip(".")


def fee(value: JSON, currency: str) -> str:
    """'0.1274 USDT', '0.00001274 BTC': four decimals, or as many as show four digits of a small amount."""
    charged = Decimal(value)
    return f"{charged:,.{max(4, 3 - charged.adjusted()) if charged else 0}f} {currency}"


def gain(value: JSON) -> Text:
    """Money with its sign, green or red."""
    if value is None:
        return Text("—")
    amount = Decimal(value)
    style = "green" if amount > 0 else "red" if amount < 0 else ""
    return Text(f"{amount:+,.2f}", style=style)


def stance(value: JSON) -> Text:
    """A signal from -1 to 1 as a bar around its middle."""
    if value is None:
        return Text("no opinion", style="dim")
    signal = Decimal(value)
    size = round(abs(signal) * _BAR)
    left = "·" * (_BAR - size) + "█" * size if signal < 0 else "·" * _BAR
    right = "█" * size + "·" * (_BAR - size) if signal > 0 else "·" * _BAR
    colour = "green" if signal > 0 else "red" if signal < 0 else ""
    return Text.assemble((left, "red" if signal < 0 else "dim"), "│", (right, colour or "dim"), f" {signal:+.2f}")


def measured(value: JSON, unit: str) -> str:
    """A verdict's number with its unit; what could not be measured says so."""
    if value is None:
        return "not measurable"
    number = Decimal(value)
    if unit == "fraction":
        return f"{number:.2%}"
    if unit in ("found", "orders", "severity", "taint"):
        return f"{number:f}"
    places = 8 if unit == "base" else 2
    return f"{number:,.{places}f}".rstrip("0").rstrip(".") + f" {unit}"


def outcome(word: str) -> Text:
    styles = {"passed": ("✓ pass", "green"), "denied": ("✗ deny", "bold red"), "exempt": ("· exempt", "dim")}
    return Text(*styles[word])


def answer(kind: str) -> Text:
    styles = {"denied": "bold red", "waiting": "bold yellow", "working": "cyan", "done": "bold green"}
    return Text(kind.upper(), style=styles.get(kind, ""))


def plan(execution: JSON) -> str:
    """How an order is worked: 'TWAP, 6 slices in 30 min'."""
    match execution["kind"]:
        case "twap":
            return f"TWAP, {count(execution['slices'], 'slice')} in {span(execution['duration_s'])}"
        case "chase":
            return f"chase, every {span(execution['every_s'])} for {span(execution['duration_s'])}"
        case "iceberg":
            return f"iceberg, {execution['display']} shown"
        case kind:
            return str(kind)


def span(seconds: int) -> str:
    """'90 s', '30 min', '2 h': in the largest unit that it is a whole number of."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def contaminated(counted: JSON) -> Text:
    """How many cycles a model may have decided from memory, of labels with their numbers."""
    known, unknown = counted.get(Label.CONTAMINATED, 0), counted.get(Label.UNKNOWN, 0)
    told = f"{known} of {count(sum(counted.values()), 'cycle')}" + (f", {unknown} unknown" if unknown else "")
    return Text(told, style="yellow" if known or unknown else "")


def count(n: int, noun: str) -> str:
    """'1 entry', '2 entries'."""
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{n:,} {noun if n == 1 else many}"


def name(identifier: str) -> str:
    """As much of an id as a person needs to type: every verb takes a beginning."""
    kind, colon, rest = identifier.rpartition(":")
    return f"{kind}{colon}{rest[:13]}"


def short(identifier: str, n: int = 12) -> str:
    return identifier[:n]
