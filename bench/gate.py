"""What the gate costs, as ratios in one run: each review beside 17 checks written by hand (`bench.by_hand`).

Rounds alternate and each call is timed alone; a figure is the median of the rounds' own p50 or p99. What runs on real
books, where a commit is on the disk, is in `bench.section`.
"""

import argparse
import asyncio
import random
import resource
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Context, Decimal, localcontext
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import Final

from bench import section
from bench.by_hand import Account, Limits, Wanted, wrong_with
from bench.timing import row
from core.instruments import Instrument
from core.money import Price, Quantity
from core.orders import Expectation, Order, OrderState, OrderType, Position, Side
from core.quotes import Level, Quote
from core.taint import Taint
from core.time import HOUR_NS, SECOND_NS, parse_time
from risk.facts import Conditions, Facts, Intent, OpenOrder
from risk.review import Rulebook
from risk.rules import RULES
from risk.settings import RiskSettings
from risk.states import Standing

ROUNDS, CALLS = 40, 250
NOW: Final = parse_time("2026-02-01T00:00Z")
OWN: Final = "BTC/USDT"
SYMBOLS: Final = (OWN, *(f"COIN{n}/USDT" for n in range(1, 20)))
LAST: Final = {symbol: Price(Decimal(60_000 if symbol == OWN else 1_000)) for symbol in SYMBOLS}
ACTIVE: Final = Standing()

# The rules that check what is checked by hand. Its limits on losses are one of ours: breakers read the losses, and a
# review what they set. Its stale price and its risk to the stop are two of ours each.
MATCHING: Final = (
    "TRADING_STATE",  # halted or cooling down, day loss, drawdown
    "ALLOW_LIST",
    "POSITIVE",
    "ORDER_NOTIONAL",
    "MIN_NOTIONAL",
    "ASSET_EXPOSURE",  # the position after the order
    "UNMANAGED",  # a sale beyond the position
    "MANAGED_CAPITAL",  # worth of everything held
    "GROSS_EXPOSURE",  # the same over equity
    "NO_PRICE",
    "PRICE_AGE",
    "PRICE_COLLAR",
    "OPEN_ORDERS",
    "FREE_BALANCE",
    "STOP",
    "STRESS_LOSS",  # what may be lost, over equity
    "ORDERS_MINUTE",
)


def sizes() -> list[tuple[Decimal, Decimal]]:
    """Quantity and limit price of orders that pass every check, around a last price of 60,000; half of them take."""
    draw = random.Random(3)
    return [
        (Decimal(f"{draw.uniform(0.01, 0.2):.5f}"), Decimal(f"{draw.uniform(59_500, 60_500):.2f}"))
        for _ in range(CALLS)
    ]


def order(quantity: Decimal, price: Decimal) -> Order:
    return Order("p", "paper", "trend", OWN, Side.BUY, OrderType.LIMIT, Quantity(quantity), Price(price))


def snapshot(working: int, symbols: Sequence[str] = SYMBOLS) -> Facts:
    """100,000 USDT in 20 small positions and cash, and open orders on both sides of `symbols`, none near the price."""
    both = cycle(((Side.BUY, Decimal("0.98")), (Side.SELL, Decimal("1.02"))))
    places = islice(zip(cycle(symbols), both, strict=False), working)
    half = Decimal("0.5")
    steps = Decimal("0.01"), Decimal("0.00001")
    return Facts(
        account_id="paper",
        numeraire="USDT",
        now_ns=NOW,
        equity=Decimal("100123.45"),
        balances={"USDT": Decimal(60_000)},
        reserved={"USDT": Decimal(200)},
        positions=tuple(Position("paper", s, Side.BUY, Quantity(Decimal("0.01")), last) for s, last in LAST.items()),
        orders=tuple(
            OpenOrder(f"o{n}", f"owner{n}", s, side, Decimal("0.0002"), LAST[s] * at, False, OrderState.OPEN)
            for n, (s, (side, at)) in enumerate(places)
        ),
        recent=(),
        quotes={
            s: Quote(s, last, Price(last - half), Price(last + half), NOW - SECOND_NS, NOW - SECOND_NS)
            for s, last in LAST.items()
        },
        instruments={s: Instrument(s, s[:-5], "USDT", *steps, Decimal("0.0001"), Decimal(10)) for s in SYMBOLS},
        intent=Intent(
            taint=Taint.DERIVED,
            stop_price=Price(Decimal(59_000)),
            thesis=True,
            predicates=2,
            evidence=3,
            views_until_ns=NOW + HOUR_NS,
            expectation=Expectation(Price(Decimal(60_600)), 12 * 3600),
        ),
        conditions={OWN: conditions()},
        portfolio_shortfall=Decimal("300.25"),
    )


def conditions() -> Conditions:
    """A calm market with 20 levels on either side, of which the larger orders take two or three."""

    def levels(sign: int) -> tuple[Level, ...]:
        prices = (LAST[OWN] + sign * (Decimal("0.5") + n * Decimal("1.5")) for n in range(20))
        return tuple(Level(Price(price), Quantity(Decimal("0.08"))) for price in prices)

    return Conditions(
        bids=levels(-1),
        asks=levels(1),
        bid_depth=Decimal("1.6"),
        ask_depth=Decimal("1.6"),
        bar_volume=Decimal(100),
        volatility=Decimal("0.00412"),
        usual_volatility=Decimal("0.00313"),
        window_price=Decimal("60010.25"),
        jump=Decimal("0.001"),
        shortfall=Decimal("0.09"),
        correlation={symbol[:-5]: Decimal("0.31") for symbol in SYMBOLS},
    )


def by_hand() -> list[Callable[[], list[str]]]:
    """The same orders on the same account."""
    account = Account(
        halted=False,
        cooling_until=0.0,
        equity=Decimal("100123.45"),
        cash=Decimal(60_000),
        gross=Decimal(790),
        day_profit=Decimal(-200),
        peak=Decimal(101_000),
        open_orders=20,
        held={OWN: Decimal("0.01")},
        prices={OWN: LAST[OWN]},
        priced_at=-1.0,
    )
    limits = Limits(
        symbols=frozenset(SYMBOLS),
        most_notional=Decimal(100_000),
        least_notional=Decimal(10),
        most_held=Decimal(20_000),
        most_gross=Decimal(90_000),
        leverage=Decimal(1),
        day_loss=Decimal("0.05"),
        drawdown=Decimal("0.15"),
        band=Decimal("0.05"),
        risk=Decimal("0.02"),
        cost=Decimal("1.001"),
        stale_s=90.0,
        open_orders=50,
        a_minute=30,
    )
    orders = (Wanted(OWN, True, *size, Decimal(59_000)) for size in sizes())
    return [partial(wrong_with, wanted, account, limits, 0.0) for wanted in orders]


def policy() -> RiskSettings:
    return RiskSettings(max_open_orders=50, max_positions=50, allowed_symbols=SYMBOLS, managed_capital=Decimal(90_000))


# What is measured.


class Contender:
    """One way to check orders: calls that are timed alone, round by round. What an empty call costs is left in."""

    def __init__(self, calls: Iterable[Callable[[], object]], context: Context | None = None) -> None:
        self._calls = tuple(calls)
        self._context = context
        self._rounds: list[list[int]] = []

    def run(self) -> None:
        taken = []
        with localcontext(self._context):
            for call in self._calls:
                started = perf_counter_ns()
                call()
                taken.append(perf_counter_ns() - started)
        self._rounds.append(sorted(taken))

    def at(self, share: float) -> float:
        """Microseconds below which `share` of the calls stay; the median of the rounds, but for the first."""
        return median(ns[int(share * len(ns))] for ns in self._rounds[1:]) / 1e3


def alternating(contenders: Iterable[Contender], rounds: int = ROUNDS) -> None:
    for _ in range(rounds + 1):
        for contender in contenders:
            contender.run()


def judging(book: Rulebook, facts: Facts) -> list[Callable[[], object]]:
    return [partial(book.judge, order(*size), facts, ACTIVE) for size in sizes()]


def fresh(book: Rulebook, facts: Facts) -> list[Callable[[], object]]:
    """The first review of a snapshot, which works out its sums."""

    def judged(wanted: Order) -> object:
        return book.judge(wanted, replace(facts), ACTIVE)

    return [partial(judged, order(*size)) for size in sizes()]


def reviews() -> None:
    every, same = Rulebook(policy()), Rulebook(policy(), [r for r in RULES if r.code in MATCHING])
    facts = snapshot(20)
    assert len(same.rules) == len(MATCHING)
    assert all(every.judge(order(*size), facts, ACTIVE).allowed for size in sizes())
    assert not any(call() for call in by_hand())
    rulings = [every.judge(order(*size), facts, ACTIVE) for size in sizes()]
    hand = Contender(by_hand(), Context(prec=28))
    shown = {
        "an empty call": Contender([partial(id, None)] * CALLS),
        f"{len(same.rules)} checks by hand": hand,
        f"the same as {len(same.rules)} rules": Contender(judging(same, facts)),
        f"all {len(every.rules)} rules": Contender(judging(every, facts)),
        "  first on fresh facts": Contender(fresh(every, facts)),
        "  their verdicts, made to be shown": Contender([ruling.review for ruling in rulings]),
    }
    alternating(shown.values())
    row("microseconds of one review", "p50", "p99", "p99 of p50", "of by hand")
    for name, it in shown.items():
        p50, p99 = it.at(0.50), it.at(0.99)
        row(name, f"{p50:.2f}", f"{p99:.2f}", f"{p99 / p50:.1f}x", f"{p50 / hand.at(0.50):.1f}x")


def growth() -> None:
    """Open orders that all rest in the symbol of the order, half of them on either side."""
    every = Rulebook(policy())
    counts = (20, 100, 1_000)
    again = {n: Contender(judging(every, snapshot(n, [OWN]))[:40]) for n in counts}
    first = {n: Contender(fresh(every, snapshot(n, [OWN]))[:40]) for n in counts}
    alternating([*again.values(), *first.values()], ROUNDS // 4)
    row("microseconds by open orders, p50", *(f"{n:,}" for n in counts), "50 times more")
    for name, found in (("all rules", again), ("first on fresh facts", first)):
        times = [found[n].at(0.50) for n in counts]
        row(name, *(f"{us:.1f}" for us in times), f"{times[-1] / times[0]:.1f}x")


def memory(count: int) -> None:
    """Resident memory before and after `count` reviews, each on fresh facts."""
    every, facts = Rulebook(policy()), snapshot(20)
    wanted = [order(*size) for size in sizes()]

    def work(times: int) -> float:
        for at in range(times):
            every.judge(wanted[at % len(wanted)], replace(facts), ACTIVE)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 2**20

    before = work(2_000)
    after = work(count)
    row("resident memory, MiB", "before", "after", "reviews")
    row("all rules, each on fresh facts", f"{before:.1f}", f"{after:.1f}", f"{count:,}")


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.gate")
    options.add_argument("--reviews", type=int, default=20_000, help="how many the memory is watched over")
    count = options.parse_args().reviews
    reviews()
    print()
    growth()
    print()
    memory(count)
    print()
    asyncio.run(section.main())


if __name__ == "__main__":
    main()
