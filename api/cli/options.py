"""Options that several verbs take, in the same words wherever they stand."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Account = Annotated[str | None, typer.Option(help="Account id; the newest run's by default.")]
By = Annotated[str, typer.Option(help="Who says so; journaled.")]
Reason = Annotated[str, typer.Option(help="Why; journaled.")]

# Of a run over a market of the past, live as the desk would be or replayed.
Pairs = Annotated[str, typer.Option("--symbols", help="Comma-separated, such as BTC/USDT,ETH/USDT.")]
CandleFiles = Annotated[
    list[str] | None, typer.Option("--candles", help="FILE or SYMBOL=FILE; repeat, or list after it.")
]
MoreFiles = Annotated[list[str] | None, typer.Argument(help="More candle files.", show_default=False)]
Seed = Annotated[int | None, typer.Option(min=0, help="Of the simulated market.")]
StoredVenue = Annotated[str | None, typer.Option("--venue", help="Of the candles in the store, without --candles.")]
StoredTimeframe = Annotated[
    str | None, typer.Option("--timeframe", help="Of the candles in the store; the finest by default.")
]
Instructions = Annotated[
    str | None, typer.Option(help="JSON file of standing instructions, as `instructions add --save` writes it.")
]
Masked = Annotated[bool, typer.Option(help="Hide symbols, dates and price scale from language models.")]
Again = Annotated[int, typer.Option(min=0, help="Make the N-th repetition of the same run.")]
