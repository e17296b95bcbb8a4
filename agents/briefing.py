"""What a prompt is filled with: compact tables, ages instead of dates, and balances as fractions unless asked."""

from collections.abc import Iterator
from decimal import Decimal

from agents.cycle import Answered, Cycle
from agents.views import AccountState, Instructed, Mood, Observation, Opinion, Outlook, PlannedOrder
from core.money import ZERO, significant, text_of
from core.orders import Position
from core.time import HOUR_NS

NOTHING = "none"
MOST_EVENTS = 8  # of a symbol, the newest


def market_table(seen: Observation, held: Position | None, equity: Decimal, *, amounts: bool) -> dict[str, object]:
    """The values of the research prompt's market."""
    return {
        "symbol": seen.symbol,
        "bars": seen.bars,
        "missing": seen.missing_bars,
        "last": _exact(seen.last),
        "spread": _text(seen.spread_bps),
        "overdue": _text(seen.overdue_s),
        "position": NOTHING if held is None else _held(held, seen.last, equity, amounts=amounts),
    }


def account_table(cycle: Cycle, *, amounts: bool) -> str:
    """Cash, limits, positions, and what standing instructions hold, a line each."""
    account = cycle.seen.account
    lines = [f"state {account.state}", *_worth(account, amounts=amounts)]
    lines += [f"limit {code} {text_of(limit)}" for code, limit in sorted(account.limits.items())]
    for position in account.positions:
        seen = cycle.seen.markets.get(position.symbol)
        last = None if seen is None else seen.last
        lines.append(f"holds {position.symbol}: {_held(position, last, account.equity, amounts=amounts)}")
    lines += [_instructed(held, cycle, amounts=amounts) for held in account.instructed]
    return "\n".join(lines)


def views_table(cycle: Cycle) -> str:
    """What was said of each symbol, with the evidence ids that an order may cite."""
    return "\n".join(line for symbol in cycle.symbols for line in _views(cycle, symbol))


def denials_table(denied: tuple[Answered, ...]) -> str:
    """What was denied, by index, and the share of it that would pass; no amounts."""
    return "\n".join(_denial(a) for a in denied) or NOTHING


def orders_table(orders: tuple[PlannedOrder, ...]) -> str:
    """A plan for its reviewer: no amounts."""
    return "\n".join(_order(order) for order in orders) or NOTHING


def _worth(account: AccountState, *, amounts: bool) -> Iterator[str]:
    if amounts:
        yield f"equity {text_of(account.equity)}, began with {text_of(account.start_equity)} {account.numeraire}"
        yield f"cash {text_of(account.cash)}"
    elif account.equity > 0:
        yield f"equity 1, began with {_short(account.start_equity / account.equity)} (all as fractions of equity)"
        yield f"cash {_short(account.cash / account.equity)}"


def _held(held: Position, last: Decimal | None, equity: Decimal, *, amounts: bool) -> str:
    gain = None if last is None else held.side.sign * (last / held.average_price - 1)
    told = f"{held.side.value} since {text_of(held.average_price)}, gain {_text(gain)}"
    if amounts:
        return f"{told}, quantity {text_of(held.quantity)}"
    share = None if last is None or equity <= 0 else held.quantity * last / equity
    return f"{told}, {_text(share)} of equity"


def _instructed(held: Instructed, cycle: Cycle, *, amounts: bool) -> str:
    seen, equity = cycle.seen.markets.get(held.symbol), cycle.seen.account.equity
    last = None if seen is None else seen.last
    share = None if last is None or equity <= 0 else held.quantity * last / equity
    told = f"quantity {text_of(held.quantity)}" if amounts else f"{_text(share)} of equity"
    return f"held by {held.owner}: {held.symbol}, {told}, not yours to leave"


def _views(cycle: Cycle, symbol: str) -> Iterator[str]:
    seen = cycle.seen.markets[symbol]
    yield f"### {symbol}"
    yield f"last {_exact(seen.last)}, spread {_text(seen.spread_bps)} bps, entries {seen.unfit or 'allowed'}"
    opinions = cycle.research.opinions if cycle.research else ()
    yield from _research(next((o for o in opinions if o.symbol == symbol), None))
    moods = cycle.sentiment.moods if cycle.sentiment else ()
    yield _mood(next((m for m in moods if m.symbol == symbol), None))
    yield from _events(cycle, symbol)
    outlooks = cycle.forecast.outlooks if cycle.forecast else ()
    yield _outlook(next((o for o in outlooks if o.symbol == symbol), None))


def _research(opinion: Opinion | None) -> Iterator[str]:
    if opinion is None:
        yield "research: abstained"
        return
    horizon = "" if opinion.horizon_bars is None else f", {opinion.horizon_bars} bars ahead"
    yield f"research: stance {_text(opinion.stance)}, conviction {_text(opinion.conviction)}{horizon}"
    for claim in opinion.claims:
        yield f"- {claim.text} [{' '.join(claim.evidence)}]"
    for name, words in (("risk", opinion.risks), ("would change it", opinion.change_my_mind)):
        yield from (f"- {name}: {word}" for word in words)


def _mood(mood: Mood | None) -> str:
    if mood is None:
        return "sentiment: abstained"
    return f"sentiment: {_text(mood.score)} of {mood.texts} texts [{' '.join(mood.evidence[:3])}]"


def _events(cycle: Cycle, symbol: str) -> Iterator[str]:
    """Fields that a quarantined reader took from texts; no word of them."""
    told = cycle.sentiment.events if cycle.sentiment else ()
    for event in sorted((e for e in told if e.symbol == symbol), key=lambda e: -e.known_at_ns)[:MOST_EVENTS]:
        age_h = Decimal(cycle.as_of_ns - event.known_at_ns) / HOUR_NS
        way = {1: "rises", -1: "falls", 0: "unclear"}[event.direction]
        said = f"{event.kind.value}, {way}, magnitude {text_of(event.magnitude)}, certainty {text_of(event.certainty)}"
        late = ", read in hindsight" if event.hindsight else ""
        yield f"event: {said}, {_short(age_h)} h ago, {event.texts} texts{late} [{event.evidence}]"


def _outlook(outlook: Outlook | None) -> str:
    if outlook is None or outlook.p_up is None:
        return "forecast: none with a vote"
    best = max(outlook.lines, key=lambda line: line.weight)
    said = f"p_up {_text(outlook.p_up)} in {outlook.horizon_bars} bars, expected {_text(outlook.expected_return)}"
    return f"forecast: {said}, best skill {_text(best.skill)} of n {best.n} [{' '.join(outlook.evidence)}]"


def _denial(answered: Answered) -> str:
    order, review = answered.proposal.order, answered.receipt.review
    passes = review.largest_allowed / order.quantity if order.quantity else ZERO
    codes = ", ".join(verdict.code for verdict in review.denials)
    return (
        f"index {answered.index}: {order.side.value} {order.symbol}, denied for {codes}; {_short(passes)} of it passes"
    )


def _order(order: PlannedOrder) -> str:
    kind = "reduces" if order.reduce_only else "opens"
    at = "" if order.limit_price is None else f" at {text_of(order.limit_price)}"
    ways_out = f"stop {_exact(order.stop_price)}, target {_exact(order.target_price)}"
    wrong = "; ".join(order.invalidation) or NOTHING
    told = f"index {order.index}: {order.side.value} {order.symbol}{at}"
    return f"{told}, {kind}, {ways_out}, wrong if {wrong}: {order.thesis}"


def _short(value: Decimal) -> str:
    return text_of(Decimal(significant(float(value), 5)))


def _text(value: Decimal | None) -> str:
    return "unknown" if value is None else _short(value)


def _exact(price: Decimal | None) -> str:
    return "unknown" if price is None else text_of(price)
