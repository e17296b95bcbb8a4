"""What prompts are filled from, as a masked model may see it: another market of the same shape."""

from dataclasses import replace

from agents.cycle import Answered, Cycle
from agents.masking import CASH, Mask
from agents.views import ForecastView, Observation, Opinion, PlannedOrder, ResearchView, SentimentView
from core.money import Price, Quantity
from core.orders import Position


def shown_observation(mask: Mask, seen: Observation) -> Observation:
    """Prices on the mask's scale; what no prompt needs is gone."""
    if not mask.on:
        return seen
    prices = {name: mask.shown_price(seen.symbol, getattr(seen, name)) for name in ("last", "bid", "ask")}
    gone = {"instrument": None, "ts_event_ns": None, "first": None, "texts": (), "bars_digest": ""}
    return seen.model_copy(update={**prices, **gone, "symbol": mask.hide(seen.symbol)})


def shown_position(mask: Mask, held: Position | None) -> Position | None:
    """None as well for one whose symbol has no scale: its price would be the real one."""
    if held is None or not mask.on:
        return held
    price, amount = mask.shown_price(held.symbol, held.average_price), mask.shown_amount(held.symbol, held.quantity)
    if price is None or amount is None:
        return None
    return replace(held, symbol=mask.hide(held.symbol), quantity=Quantity(amount), average_price=Price(price))


def shown_cycle(mask: Mask, cycle: Cycle) -> Cycle:
    """The account, the markets and every view, by aliases and on the mask's scale."""
    if not mask.on:
        return cycle
    seen, account = cycle.seen, cycle.seen.account
    held = [shown_position(mask, position) for position in account.positions]
    positions = tuple(position for position in held if position is not None)
    markets = {mask.hide(symbol): shown_observation(mask, one) for symbol, one in seen.markets.items()}
    amounts = [(one, mask.shown_amount(one.symbol, one.quantity)) for one in account.instructed]
    instructed = tuple(
        one.model_copy(update={"symbol": mask.hide(one.symbol), "owner": mask.hide(one.owner), "quantity": amount})
        for one, amount in amounts
        if amount is not None
    )
    account = account.model_copy(update={"positions": positions, "instructed": instructed, "numeraire": CASH})
    return replace(
        cycle,
        symbols=tuple(map(mask.hide, cycle.symbols)),
        snapshot=seen.model_copy(update={"account": account, "markets": markets}),
        research=cycle.research and _research(mask, cycle.research),
        sentiment=cycle.sentiment and _sentiment(mask, cycle.sentiment),
        forecast=cycle.forecast and _forecast(mask, cycle.forecast),
    )


def shown_denied(mask: Mask, answers: tuple[Answered, ...]) -> tuple[Answered, ...]:
    """For the words about a denial: index, side, symbol, codes and a share."""
    orders = [replace(a.proposal.order, symbol=mask.hide(a.proposal.order.symbol)) for a in answers]
    proposals = [replace(a.proposal, order=order) for a, order in zip(answers, orders, strict=True)]
    return tuple(replace(a, proposal=proposal) for a, proposal in zip(answers, proposals, strict=True))


def shown_orders(mask: Mask, orders: tuple[PlannedOrder, ...]) -> tuple[PlannedOrder, ...]:
    return tuple(_order(mask, order) for order in orders) if mask.on else orders


def _order(mask: Mask, order: PlannedOrder) -> PlannedOrder:
    names = ("limit_price", "stop_price", "target_price")
    prices = {name: mask.shown_price(order.symbol, getattr(order, name)) for name in names}
    ended = tuple(filter(None, (mask.shown_predicate(order.symbol, text) for text in order.invalidation)))
    said = {"symbol": mask.hide(order.symbol), "thesis": mask.hide(order.thesis), "invalidation": ended}
    return order.model_copy(update={**prices, **said})


def _research(mask: Mask, view: ResearchView) -> ResearchView:
    return view.model_copy(update={"opinions": tuple(_opinion(mask, opinion) for opinion in view.opinions)})


def _opinion(mask: Mask, opinion: Opinion) -> Opinion:
    words = {name: tuple(map(mask.hide, getattr(opinion, name))) for name in ("risks", "change_my_mind")}
    claims = tuple(
        claim.model_copy(update={"text": mask.hide(claim.text), "evidence": tuple(map(mask.hide, claim.evidence))})
        for claim in opinion.claims
    )
    return opinion.model_copy(update={"symbol": mask.hide(opinion.symbol), "claims": claims, **words})


def _sentiment(mask: Mask, view: SentimentView) -> SentimentView:
    moods = tuple(
        mood.model_copy(update={"symbol": mask.hide(mood.symbol), "evidence": tuple(map(mask.hide, mood.evidence))})
        for mood in view.moods
    )
    events = tuple(
        event.model_copy(update={"symbol": mask.hide(event.symbol), "evidence": mask.hide(event.evidence)})
        for event in view.events
    )
    return view.model_copy(update={"moods": moods, "events": events})


def _forecast(mask: Mask, view: ForecastView) -> ForecastView:
    outlooks = tuple(
        one.model_copy(update={"symbol": mask.hide(one.symbol), "evidence": tuple(map(mask.hide, one.evidence))})
        for one in view.outlooks
    )
    return view.model_copy(update={"outlooks": outlooks})
