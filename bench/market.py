"""What market data costs, as ratios in one run: `python -m bench.market [part...]`, all of them by default.

reads      point-in-time reads of the candle store, beside plain DuckDB over the same files
books      our verified book and bus, beside ccxt.pro alone
backfill   fetching candles into the store, beside ccxt's own loop and the bound of its limiter
streaming  two hundred symbols at once, for `--seconds`: memory, lag, and what is lost
"""

import argparse

from bench import backfill, orderbooks, store, streaming

PARTS = ("reads", "books", "backfill", "streaming")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--seconds", type=float, default=10.0, help="of streaming")
    parser.add_argument("--symbols", type=int, default=200, help="of streaming")
    parser.add_argument("--messages", type=int, default=20_000, help="of books")
    asked = parser.parse_args()
    run = {
        "reads": store.main,
        "books": lambda: orderbooks.main(asked.messages),
        "backfill": backfill.main,
        "streaming": lambda: streaming.main(asked.seconds, asked.symbols),
    }
    if unknown := sorted(set(asked.parts) - set(PARTS)):
        parser.error(f"found {', '.join(unknown)}, allowed are {', '.join(PARTS)}")
    for part in asked.parts or PARTS:
        run[part]()
        print(flush=True)


if __name__ == "__main__":
    main()
