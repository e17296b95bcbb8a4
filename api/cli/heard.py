"""How streams and sources look to a person: a screen, a line, and what is left to say at the end."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from api.cli import show, words
from api.cli.console import console
from core.canonical import JSON

_OLD_S: Final = 30  # from which an age is shown as one
# Of the counts: what is worth a person's eye, in this order; zeros of the second group are left out.
_ALWAYS: Final = ("reconnects", "gaps", "invalid_spells", "malformed", "duplicates")
_SELDOM: Final = (
    "silences",
    "trimmed",
    "candle_revisions",
    "snapshots_failed",
    "polls_failed",
    "crashes",
)
_KINDS: Final = {"book": "book age", "trades": "trades", "candles": "candles", "ticker": "ticker"}
_PRICES: Final = ("symbol", "bid", "ask", "spread", "book", "last trade")


def screen(told: JSON) -> Group:
    """Everything at one look."""
    return Group(_head(told), _symbols(told), *_below(told))


def in_a_line(told: JSON) -> str:
    """For a log: what changes, and what is wrong."""
    counts, books = told["counts"], [line["book"] for line in told["symbols"]]
    valid = sum(book == "valid" for book in books)
    parts = [
        f"{_seconds(told['seconds'])}: {told['venue']} {_state(told)}",
        f"{valid} of {len(books)} books valid",
        f"{counts['frames']:,} messages",
        *(f"{counts[name]:,} {_name(name)}" for name in (*_ALWAYS, *_SELDOM) if counts[name]),
    ]
    if told["recorded"] is not None:
        parts.append(f"{told['recorded']['candles']:,} candles stored")
        parts += [told["recorded"]["trouble"]] if told["recorded"]["trouble"] else []
    if told["sources"]:
        speaking = sum(line["abstains"] is None and line["heard_s"] is not None for line in told["sources"])
        parts.append(f"{speaking} of {len(told['sources'])} sources heard")
    return ", ".join(parts)


def summary(told: JSON) -> None:
    """At the end: how it went, and what was kept."""
    console.print(Text(f"{told['venue']} for {_seconds(told['seconds'])}", style="bold"))
    console.print(_symbols(told))
    for line in _below(told):
        console.print(line, soft_wrap=isinstance(line, Text))


def _head(told: JSON) -> Text:
    style = "bold green" if told["connected"] else "bold red"
    line = Text.assemble((told["venue"], "bold"), "  ", (_state(told), style))
    line.append(f"   {_seconds(told['seconds'])}   socket {_age(told['socket_s'])}", style="dim")
    if not told["connected"] and told["last_failure"]:
        line.append(f"\n{told['last_failure']}", style="yellow")
    return line


def _state(told: JSON) -> str:
    if told["connected"]:
        return "connected"
    return "away, tried again" if told["counts"]["reconnects"] else "connecting"


def _symbols(told: JSON) -> RenderableType:
    """One table, or two where the terminal is too narrow for it; and beneath, what is wrong with a book."""
    kinds = [kind for kind in _KINDS if any(kind in line["ages"] for line in told["symbols"])]
    ages = [_KINDS[kind] for kind in kinds]
    both, prices, olds = _table(*_PRICES, *ages), _table(*_PRICES), _table("symbol", *ages)
    for line in told["symbols"]:
        spread = "—" if line["spread_bps"] is None else f"{Decimal(line['spread_bps']):.2f} bps"
        shown = (line["symbol"], words.price(line["bid"]), words.price(line["ask"]), spread, _book(line), _last(line))
        old = [_both(line["ages"].get(kind), plain=kind == "candles") for kind in kinds]
        both.add_row(*shown, *old)
        prices.add_row(*shown)
        olds.add_row(line["symbol"], *old)
    unbounded = console.options.update(max_width=1_000)
    wide = console.measure(both, options=unbounded).maximum <= console.width
    note = Text("ages: since the last message, and since what it told of by the venue's clock", style="dim")
    wrong = [
        Text(f"{line['symbol']}: {line['book']}", style="yellow") for line in told["symbols"] if ":" in line["book"]
    ]
    return Group(*((both,) if wide else (prices, olds)), note, *wrong)


def _table(*columns: str) -> Table:
    table = show.table(*columns)
    for column in table.columns:
        column.no_wrap = True
    return table


def _below(told: JSON) -> Iterator[RenderableType]:
    counts = told["counts"]
    counted = [f"{_name(name)} {counts[name]:,}" for name in _ALWAYS]
    counted += [f"{_name(name)} {counts[name]:,}" for name in _SELDOM if counts[name]]
    yield Text(f"messages {counts['frames']:,}, {', '.join(counted)}")
    yield Text(
        f"clock skew {_age(told['skew_s'])}, loop lag {_age(told['loop_lag_s'])}, p99 {_age(told['loop_lag_p99_s'])}",
        style="dim",
    )
    if told["last_malformed"]:
        yield Text(f"last malformed: {told['last_malformed']}", style="yellow")
    if told["unavailable"]:
        yield Text(f"{told['venue']} has no stream of {', '.join(told['unavailable'])}", style="yellow")
    yield from _stored(told["recorded"])
    for name, wrong in told["crashes"].items():
        yield Text(f"{name} broke and was begun anew: {wrong}", style="red")
    if told["sources"]:
        yield _sources(told["sources"])
    if told["sources_trouble"]:
        yield Text(told["sources_trouble"], style="red")


def _stored(recorded: JSON) -> Iterator[Text]:
    if recorded is None:
        yield Text("nothing is recorded", style="dim")
        return
    kept = [words.count(recorded["candles"], "candle"), words.count(recorded["tickers"], "ticker")]
    kept += [words.count(recorded[f"{kind}s"], kind) for kind in ("imbalance", "trade") if recorded[f"{kind}s"]]
    besides = ("revised", "unchanged", "lost", "dropped", "refused", "late_clock", "failures")
    kept += [f"{recorded[name]:,} {_name(name)}" for name in besides if recorded[name]]
    yield Text(f"stored {', '.join(kept)}", style="yellow" if recorded["lost"] or recorded["dropped"] else "")
    if recorded["last_refused"]:
        yield Text(f"last refused: {recorded['last_refused']}", style="yellow")
    if recorded["trouble"]:
        yield Text(recorded["trouble"], style="red")


def _sources(lines: list[JSON]) -> RenderableType:
    table = show.table("source", "heard", "texts", "readings", "abstains")
    for line in lines:
        heard = "never" if line["heard_s"] is None else f"{_age(line['heard_s'])} ago"
        silent = Text(line["abstains"] or ("not asked yet" if not line["polls"] else ""), style="yellow")
        table.add_row(line["name"], heard, f"{line['texts']:,}", f"{line['readings']:,}", silent)
    return table


def _book(line: JSON) -> Text:
    style = {"valid": "green", "syncing": "yellow", "not listened to": "dim"}.get(line["book"], "bold red")
    state, _, detail = line["book"].partition(":")
    return Text(f"{state})" if detail else state, style=style)


def _last(line: JSON) -> Text:
    last = line["last"]
    if last is None:
        return Text("—")
    style = "green" if last["side"] == "buy" else "red"
    return Text.assemble((words.price(last["price"]), style), (f"  {_age(line['last_s'])}", "dim"))


def _both(ages: JSON, *, plain: bool) -> Text:
    """`plain`: what it tells of is a bar's open, as old as it should be."""
    if ages is None or ages["stream_s"] is None:
        return Text("never", style="yellow")
    old = max(Decimal(ages["stream_s"]), Decimal(0) if plain else Decimal(ages["exchange_s"] or 0)) >= _OLD_S
    both = " / ".join("—" if age is None else f"{Decimal(age):.1f}" for age in (ages["stream_s"], ages["exchange_s"]))
    return Text(f"{both} s", style="bold red" if old else "")


def _age(value: JSON) -> str:
    if value is None:
        return "—"
    seconds = Decimal(value)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 100 else _seconds(value)


def _seconds(value: JSON) -> str:
    whole = int(Decimal(value))
    minutes, left = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} m" if hours else f"{minutes} m {left:02} s" if minutes else f"{left} s"


def _name(name: str) -> str:
    return {"late_clock": "dated ahead of our clock", "failures": "disk failures"}.get(name, name.replace("_", " "))
