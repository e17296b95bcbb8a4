"""`warden costs`: what language models cost."""

from decimal import Decimal

from api.cli import show
from api.cli.console import console, print_json
from desk import costs
from desk.home import Home


def listing(days: int, *, json: bool) -> None:
    rows = costs.by_role(Home.find(), days)
    if json:
        print_json(rows)
        return
    if not rows:
        console.print("no language model was asked yet")
        return
    table = show.table("day (UTC)", "role", "calls", "prompt tokens", "of them cached", "answer tokens", "USD")
    for row in rows:
        counts = (row["calls"], row["prompt_tokens"], row["cached_tokens"], row["completion_tokens"])
        table.add_row(row["day"], row["role"], *(f"{count:,}" for count in counts), f"{Decimal(row['usd']):.4f}")
    console.print(table)
    console.print(f"together {sum(Decimal(row['usd']) for row in rows):.4f} USD", style="dim")
