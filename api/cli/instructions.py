"""`warden instructions`: what the desk is to do again and again, within a budget that a person confirms."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from api.cli.options import Account, Json, Reason

app = typer.Typer(help="Standing instructions: add, list, show, pause, resume, end.", no_args_is_help=True)
add = typer.Typer(help="Add a standing instruction: it is shown, and a person confirms it.", no_args_is_help=True)
app.add_typer(add, name="add")

Symbol = Annotated[str, typer.Option(help="A spot pair, such as BTC/USDT.")]
Quote = Annotated[str, typer.Option(help="Quote currency for one order, its fee included.")]
Orders = Annotated[int, typer.Option(min=1, help="How many orders it may place in all: what you confirm.")]
Spend = Annotated[str | None, typer.Option(help="Quote currency that it may spend in all; by its orders if not given.")]
Yes = Annotated[bool, typer.Option("--yes", help="Confirm it: do not ask.")]
By = Annotated[str, typer.Option(help="Who confirms it; journaled.")]
Which = Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.")]


def _budgeted(
    *,
    until: Annotated[str | None, typer.Option(help="Places nothing from this time on (UTC).")] = None,
    account: Account = None,
    save: Annotated[
        str | None, typer.Option(help="Add it to this JSON file for `warden run --instructions`, and no more.")
    ] = None,
    yes: Yes = False,
    by: By = "operator",
    reason: Reason = "",
    json: Json = False,
) -> None:
    """What every kind is asked besides its own parameters."""


def _moved(*, reason: Reason, by: By = "operator", account: Account = None, json: Json = False) -> None:
    """What every change of one that stands is asked."""


def asking(these: Callable[..., None], **defaults: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command with the options of `these` behind its own, gathered in its last parameter, `common`."""

    def joined(command: Callable[..., None]) -> Callable[..., None]:
        own = [p for p in inspect.signature(command).parameters.values() if p.name != "common"]
        shared = [
            p.replace(default=defaults.get(p.name, p.default)) for p in inspect.signature(these).parameters.values()
        ]

        def run(**given: Any) -> None:
            said = {p.name: given.pop(p.name) for p in shared}
            command(**given, common=said)

        keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        run.__signature__ = inspect.Signature([*keyword, *shared])  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in (*own, *shared)}
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        return run

    return joined


Common = dict[str, Any]


@add.command("dca")
@asking(_budgeted)
def add_dca(
    symbol: Symbol,
    quote: Quote,
    every: Annotated[str, typer.Option(help="Time between two orders, such as 1d.")],
    common: Common,
    stop: Annotated[str, typer.Option(help="Fraction below the first price at which all of it is sold.")] = "0.5",
    orders: Orders = 30,
    spend: Spend = None,
) -> None:
    """Dollar-cost averaging: buy the same worth of a coin again and again."""
    from api.cli import instructing

    wanted = {"kind": "dca", "symbol": symbol, "quote": quote, "every": every, "stop": stop}
    instructing.add(instructing.Asked(wanted, orders, spend, **common))


@add.command("grid")
@asking(_budgeted)
def add_grid(
    symbol: Symbol,
    lower: Annotated[str, typer.Option(help="Price of the lowest level.")],
    upper: Annotated[str, typer.Option(help="Price of the highest level.")],
    stop: Annotated[str, typer.Option(help="Price below the grid at which all of it is sold.")],
    quote: Quote,
    common: Common,
    cells: Annotated[int, typer.Option(min=1, help="Between the two, bought at the foot and sold at the head.")] = 10,
    most: Annotated[int, typer.Option(min=1, help="Cells that are held or waited for at a time.")] = 10,
    resting: Annotated[int, typer.Option(min=1, help="Buys that wait at a time, and one more.")] = 2,
    reach: Annotated[str, typer.Option(help="Fraction of the price: no buy is placed further below it.")] = "0.04",
    orders: Orders = 100,
    spend: Spend = None,
) -> None:
    """A grid: evenly spaced limit buys below the price, each of which sells one level higher."""
    from api.cli import instructing

    wanted: dict[str, object] = {"kind": "grid", "symbol": symbol, "lower": lower, "upper": upper, "stop": stop}
    wanted |= {"quote": quote, "cells": cells, "most": most, "resting": resting, "reach": reach}
    instructing.add(instructing.Asked(wanted, orders, spend, **common))


@add.command("smart")
@asking(_budgeted)
def add_smart(
    symbol: Symbol,
    quote: Quote,
    stop: Annotated[str, typer.Option(help="Price at which the trade was wrong.")],
    common: Common,
    entry: Annotated[str | None, typer.Option(help="Price to enter at; at once if not given.")] = None,
    on: Annotated[str, typer.Option(help="pullback or breakout: how the price comes to the entry.")] = "pullback",
    target: Annotated[list[str] | None, typer.Option(help="PRICE or PRICE:FRACTION; repeat, nearest first.")] = None,
    trail: Annotated[str | None, typer.Option(help="Fraction of the best price by which the stop follows.")] = None,
    break_even: Annotated[str | None, typer.Option(help="Gain from which it may lose no longer.")] = None,
    time_limit: Annotated[str | None, typer.Option(help="How long it may stay without profit, such as 3d.")] = None,
    orders: Orders = 3,
    spend: Spend = None,
) -> None:
    """A smart trade: one entry with its stop, its targets and a stop that follows."""
    from api.cli import instructing

    wanted: dict[str, object] = {"kind": "smart", "symbol": symbol, "quote": quote, "stop": stop, "entry": entry}
    wanted |= {"on": on, "targets": instructing.targets(target or []), "trail": trail}
    wanted |= {"break_even": break_even, "time_limit": time_limit}
    # It enters once: another try is for an entry of which nothing filled.
    instructing.add(instructing.Asked(wanted, orders, spend or quote, **common))


@add.command("rebalance")
@asking(_budgeted)
def add_rebalance(
    weight: Annotated[list[str], typer.Option(help="SYMBOL=FRACTION of equity, such as BTC/USDT=0.15; repeat.")],
    every: Annotated[str, typer.Option(help="Time between two looks, such as 7d.")],
    spend: Annotated[str, typer.Option(help="Quote currency that it may spend in all.")],
    common: Common,
    band: Annotated[str, typer.Option(help="Fraction of equity that a weight may be off.")] = "0.05",
    stop: Annotated[str, typer.Option(help="Fraction below its first price at which a coin is sold.")] = "0.5",
    largest: Annotated[str | None, typer.Option(help="Quote currency for one purchase at most.")] = None,
    orders: Orders = 100,
) -> None:
    """Rebalancing: bring holdings back to their weights where they left a band."""
    from api.cli import instructing

    wanted: dict[str, object] = {"kind": "rebalance", "weights": instructing.weights(weight), "every": every}
    wanted |= {"band": band, "stop": stop, "largest": largest}
    instructing.add(instructing.Asked(wanted, orders, spend, **common))


@add.command("file")
def add_file(
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSON: one instruction, or a list of them.")],
    account: Account = None,
    yes: Yes = False,
    by: By = "operator",
    reason: Reason = "",
    json: Json = False,
) -> None:
    """What a file says, as `--save` writes it."""
    from api.cli import instructing

    instructing.add_file(file, account, by, reason, yes=yes, json=json)


@app.command("list")
def list_(
    all_: Annotated[bool, typer.Option("--all", help="Those that have ended, too.")] = False,
    account: Account = None,
    json: Json = False,
) -> None:
    """Standing instructions of an account, oldest first."""
    from api.cli import instructing

    instructing.listing(account, ended=all_, json=json)


@app.command("show")
def show(instruction: Which, account: Account = None, json: Json = False) -> None:
    """One instruction with every order that it placed."""
    from api.cli import instructing

    instructing.show_one(account, instruction, json=json)


@app.command("pause")
@asking(_moved, reason="paused by hand")
def pause(instruction: Which, common: Common) -> None:
    """Place nothing more until it is resumed, and take back what rests of it."""
    from api.cli import instructing

    instructing.move("pause", instruction, **common)


@app.command("resume")
@asking(_moved, reason="resumed by hand")
def resume(instruction: Which, common: Common) -> None:
    """Let it go on: you have looked, and confirm what is left of it."""
    from api.cli import instructing

    instructing.move("resume", instruction, **common)


@app.command("end")
@asking(_moved, reason="ended by hand")
def end(instruction: Which, common: Common) -> None:
    """End it for good. What it holds keeps its stops."""
    from api.cli import instructing

    instructing.move("end", instruction, **common)
