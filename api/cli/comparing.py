"""What `warden backtest compare` does."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.text import Text

from api.cli import opened, words
from api.cli.console import console, print_json
from api.cli.show import table
from backtest import slippages
from backtest.comparing import Compared, Kind
from backtest.comparing import compare as compared_by
from backtest.outcomes import SUFFIX, read
from core.errors import ConfigError, DataRefused
from core.time import duration_ns, show_time
from desk.lived import Lived, lived, run_named

_SHOWN: Final = 40


def compare(live: str, replay: str, *, within: str, save: str | None, json: bool) -> None:
    within_ns = duration_ns(within)
    names = _named(live), _named(replay)
    with opened.books() as books:
        ours, theirs = (_lived(books, word) for word in names)
    found = compared_by(ours, theirs, within_ns=within_ns)
    if save is not None:
        slippages.save(Path(save), ours)
    if json:
        print_json(_told(found))
        return
    _show(found)
    if save is not None:
        console.print(f"✓ what fills cost is in {save}: --slippage {save} takes it", markup=False, soft_wrap=True)


def _named(word: str) -> str:
    """The run that an outcome of a replay names, or the word itself."""
    if not word.endswith(SUFFIX):
        return word
    run = read(Path(word)).outcome.parameters.get("run")
    if not isinstance(run, str):
        raise ConfigError(f"{word} is of a sweep, which decides nothing: name an outcome of `warden backtest desk`")
    return run


def _lived(books: opened.Opened, word: str) -> Lived:
    return books.books.read(lambda conn: lived(conn, run_named(conn, word)))


def _told(found: Compared) -> dict[str, object]:
    try:
        costs = {name or "all": one for name, one in slippages.measured(found.live).items()}
    except DataRefused:
        costs = {}
    return {
        "live": found.live.account_id,
        "replay": found.replay.account_id,
        "from": show_time(found.from_ns),
        "until": show_time(found.to_ns),
        "decisions": found.decisions,
        "alike": found.alike,
        "outside": found.outside,
        "kinds": {kind.value: n for kind, n in found.kinds.items()},
        "cost": {kind.value: float(found.cost(kind)) for kind in (Kind.PRICE, Kind.FEE)},
        "differences": [one.told() for one in found.differences],
        "measured": {name: asdict(one) for name, one in costs.items()},
    }


def _show(found: Compared) -> None:
    console.print(f"{found.live.account_id} beside {found.replay.account_id}", style="bold", markup=False)
    console.print(f"{show_time(found.from_ns)} to {show_time(found.to_ns)}", markup=False)
    same = f"{words.count(found.decisions, 'decision')} in both, {found.alike} of them without a difference"
    console.print(same, markup=False)
    if found.outside:
        outside = f"⚠ {words.count(found.outside, 'decision')} outside the time that both lived through"
        console.print(outside, style="yellow", markup=False)
    if not found.differences:
        console.print("✓ no difference", style="green")
    else:
        _table(found)
    counted = ", ".join(f"{kind} {n}" for kind, n in found.kinds.items() if n)
    if counted:
        console.print(counted, markup=False)
    for kind in (Kind.PRICE, Kind.FEE):
        if found.kinds[kind]:
            console.print(f"{kind}: {found.cost(kind):+,.2f} more than in the replay", markup=False)
    _costs(found.live)


def _table(found: Compared) -> None:
    shown = table("at", "symbol", "kind", "live", "replay", "why")
    for one in found.differences[:_SHOWN]:
        cells = (show_time(one.at_ns), one.symbol, one.kind.value, one.live, one.replay)
        shown.add_row(*(Text(cell) for cell in cells), Text(one.why))
    console.print(shown)
    if len(found.differences) > _SHOWN:
        more = len(found.differences) - _SHOWN
        console.print(f"and {words.count(more, 'difference')} more: --json tells all", style="dim", markup=False)


def _costs(live: Lived) -> None:
    try:
        paid = slippages.measured(live)[""]
    except DataRefused as none:
        console.print(str(none), style="dim", markup=False)
        return
    fills = words.count(paid.fills, "fill")
    told = f"live, {fills} cost {paid.slippage:.4%} against the price that was asked for, and fees of {paid.fee:.4%}"
    console.print(told, markup=False)
