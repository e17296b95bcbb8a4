"""`warden data`: what the market showed, brought into the store, listed, checked and given out again."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.options import Json

app = typer.Typer(help="Market data: fetch, watch, import, list, verify, export.", no_args_is_help=True)

Venue = Annotated[str | None, typer.Option(help="As ccxt calls it, such as binance; else the file says it.")]


@app.command("import")
def import_(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Candles, funding, trades, news, on-chain sets.")
    ],
    venue: Venue = None,
    symbol: Annotated[str | None, typer.Option(help="Such as BTC/USDT, or BTC/USDT:USDT for a perpetual.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Such as 1h; else the file shows it.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Of times without an offset, such as UTC.")] = None,
    volume: Annotated[str, typer.Option(help="base or quote: the currency that volumes are in.")] = "base",
    made_at: Annotated[
        str | None, typer.Option(help="When the files were made (UTC); else their own times say it.")
    ] = None,
    json: Json = False,
) -> None:
    """Read files that others wrote, check them, and store what they hold. What is ambiguous is refused, not guessed."""
    from api.cli import importing

    importing.run(files, venue, symbol, timeframe, timezone, volume, made_at, json=json)


@app.command("fetch")
def fetch(
    venue: Annotated[str, typer.Option(help="As ccxt calls it, such as binance.")],
    symbols: Annotated[str, typer.Option(help="Such as BTC/USDT,ETH/USDT.")],
    since: Annotated[str, typer.Option(help="From this time on (UTC), such as 2020-01-01.")],
    kinds: Annotated[str, typer.Option(help="Of candles, funding, open-interest, trades.")] = "candles",
    timeframes: Annotated[str | None, typer.Option(help="Of candles, such as 1h,4h.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this time; now by default.")] = None,
    json: Json = False,
) -> None:
    """Fetch candles, funding, open interest and trades from a venue into the store. The same command again, after a
    kill too, goes on."""
    from api.cli import fetching

    fetching.run(fetching.Wanted(venue, symbols, kinds, timeframes, since, until), json=json)


@app.command("watch")
def watch(
    venue: Annotated[str, typer.Option(help="As ccxt calls it, such as binance.")],
    symbols: Annotated[str, typer.Option(help="Such as BTC/USDT,ETH/USDT.")],
    timeframe: Annotated[str, typer.Option(help="Of the candles, such as 1m.")] = "1m",
    for_: Annotated[str | None, typer.Option("--for", help="Such as 60s; until Ctrl-C by default.")] = None,
    record: Annotated[bool, typer.Option(help="Keep closed candles, a ticker a minute, texts and readings.")] = True,
    trades: Annotated[bool, typer.Option(help="Keep every trade too.")] = False,
    json: Json = False,
) -> None:
    """Listen to a venue and the enabled sources, show how old and how sound each stream is, and keep what comes."""
    from api.cli import watching

    watching.run(watching.Wanted(venue, symbols, timeframe, for_, record, trades), json=json)


@app.command("list")
def list_(json: Json = False) -> None:
    """What is stored: ranges, rows, missing bars, and where it came from."""
    from api.cli import stored

    stored.listing(json=json)


@app.command("verify")
def verify(json: Json = False) -> None:
    """Compare every file with its manifest: one that was changed, is missing or is not listed fails."""
    from api.cli import stored

    stored.verify(json=json)


@app.command("export")
def export(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Such as BTC/USDT.")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="To write, ending in .csv or .parquet.")],
    venue: Annotated[str | None, typer.Option(help="Where several venues have it.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Also coarser than what is stored.")] = None,
    series: Annotated[str | None, typer.Option(help="A series of the symbol instead, such as funding_rate.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="From this time (UTC).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Before this time.")] = None,
    as_of: Annotated[str | None, typer.Option(help="As it was known at this time; now by default.")] = None,
    json: Json = False,
) -> None:
    """Write candles, or one series, to a CSV or Parquet file that `warden data import` reads again."""
    from api.cli import stored

    stored.export(stored.Wanted(symbol, file, venue, timeframe, series, start, end, as_of), json=json)
