"""Where an order goes that several venues could take: each account with its own books, gate and market.

Nothing is moved between venues, and what one gate denies goes to no other. An entry is shared as `execution.routing`
computes it, and no venue is offered more than its own gate would take; an exit goes to whoever holds the position.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from agents.views import AccountState
from core.canonical import JSON, plain
from core.errors import ExchangeUnavailable, StaleDataError
from core.money import ZERO, round_quantity
from core.orders import Proposal, Side
from core.verdicts import Receipt
from desk import offers
from desk.build import Desk
from desk.cycles import account_state
from desk.together import together
from execution.routing import Place, Route, route
from market.settings import RoutingSettings
from memory.books import journal

_ENTRY: Final = "route"  # the kind of the journal's entry
_HOLDER: Final = "an exit goes to whoever holds the position"
# Quantities by venue, how they were found, and what all would take of an order that is too large.
_Shared = tuple[dict[str, Decimal], Route, Decimal | None]


class Router:
    """`desks` are those at work now, by venue, the first one first; `away` says why another is not among them."""

    def __init__(self, desks: Mapping[str, Desk], away: Mapping[str, str], settings: RoutingSettings) -> None:
        self._desks = desks
        self._away = away
        self._settings = settings

    def account(self) -> JSON:
        """All accounts as one, as canonical JSON.

        One whose worth is not known is left out whole; StaleDataError where that is so of all of them.
        """
        found: list[AccountState] = []
        unknown: list[str] = []
        for desk in self._desks.values():
            try:
                found.append(AccountState.model_validate(_account(desk)))
            except StaleDataError as stale:
                unknown.append(str(stale))
        if not found:
            raise StaleDataError("; ".join(unknown))
        return plain(together(found))

    def route(self, proposal: Proposal) -> JSON:
        """The route of one proposal with its parts, which are proposals of their own. Sends nothing.

        `alone` is what each venue by itself would cost or bring in quote currency, `saved` what the route saves against
        the best of them, and `left_out` why a venue has no part. `largest` is what all would take where that is less
        than was asked for, in base units.
        """
        symbol = proposal.order.symbol
        held = {venue: amount for venue, desk in self._desks.items() if (amount := offers.held(desk, symbol))}
        leaves = proposal.order.side is Side.SELL and bool(held)
        shares, told, largest = self._exit(proposal, held) if leaves else self._entry(proposal)
        left_out = {**self._away, **told.left_out}
        return plain(
            {
                "proposal_id": proposal.proposal_id,
                "symbol": symbol,
                "side": proposal.order.side,
                "quantity": proposal.order.quantity,
                "parts": [self._part(proposal, venue, shares[venue]) for venue in self._desks if venue in shares],
                "amount": told.amount,
                "alone": told.alone,
                "left_out": {venue: why for venue, why in left_out.items() if venue not in shares},
                "saved": told.saved,
                "largest": largest,
                "reason": told.reason,
            }
        )

    async def place(self, part: Proposal, route: JSON) -> Receipt:
        """Puts one part before its account's gate. The route stands in that account's journal before it."""
        desk = next((d for d in self._desks.values() if d.account_id == part.order.account_id), None)
        if desk is None:
            raise ExchangeUnavailable(f"no desk of {part.order.account_id} is at work: part {part.proposal_id} waits")
        if await desk.gate.receipt(part.proposal_id) is None:
            entry = {**route, "part": part.proposal_id, "parts": [_brief(each) for each in route["parts"]]}
            now_ns = desk.clock.now_ns()
            desk.books.write(lambda conn: journal.append(conn, desk.account_id, _ENTRY, entry, ts_ns=now_ns))
        return await desk.gate.propose(part)

    async def receipt(self, proposal_id: str) -> Receipt | None:
        for desk in self._desks.values():
            if (found := await desk.gate.receipt(proposal_id)) is not None:
                return found
        return None

    # Where to.

    def _entry(self, proposal: Proposal) -> _Shared:
        order, places, closed = proposal.order, list[Place](), dict[str, str]()
        for venue, desk in self._desks.items():
            found = offers.entry(venue, desk, proposal, self._slippage(venue))
            if isinstance(found, Place):
                places.append(found)
            else:
                closed[venue] = found
        told = route(order.side, order.quantity, places, least_saving=self._settings.least_saving)
        told = replace(told, alone={**dict.fromkeys(closed), **told.alone}, left_out={**closed, **told.left_out})
        if told.parts:
            return {part.venue: part.quantity for part in told.parts}, told, None
        # It rests, or is too large for all of them: one gate says so.
        first, largest = next(iter(self._desks)), sum((_taken(place) for place in places), ZERO)
        told = replace(told, reason=f"{told.reason}: all of it goes to {first}")
        return {first: order.quantity}, told, largest if largest < order.quantity else None

    def _exit(self, proposal: Proposal, held: Mapping[str, Decimal]) -> _Shared:
        """Where more is held than is sold, the better price decides; where no price is known, the larger holding."""
        order, total = proposal.order, sum(held.values(), ZERO)
        places = [
            offers.way_out(venue, self._desks[venue], proposal, amount, self._slippage(venue))
            for venue, amount in held.items()
        ]
        told = route(order.side, min(order.quantity, total), places, least_saving=ZERO)
        shares = {part.venue: part.quantity for part in told.parts}
        if order.quantity >= total or not shares:
            shares = dict(_largest_first(held, order.quantity))
        if len(held) == 1 and not self._away:
            # More than the books hold is the gate's to judge: it knows what an exit of all of it is.
            shares = dict.fromkeys(held, order.quantity)
        return shares, replace(told, quantity=order.quantity, reason=_HOLDER), None

    def _part(self, proposal: Proposal, venue: str, quantity: Decimal) -> JSON:
        desk = self._desks[venue]
        part = offers.own(proposal, desk, quantity)
        return plain({"venue": venue, "account": desk.account_id, "quantity": quantity, "proposal": part})

    def _slippage(self, venue: str) -> Decimal:
        return self._settings.slippage.get(venue, ZERO)


def _account(desk: Desk) -> JSON:
    return desk.books.read(lambda conn: account_state(conn, desk))


def _taken(place: Place) -> Decimal:
    """All that a venue offers, on its lots."""
    return round_quantity(sum((level.quantity for level in place.levels), ZERO), place.lot_size)


def _largest_first(held: Mapping[str, Decimal], wanted: Decimal) -> Iterator[tuple[str, Decimal]]:
    left = wanted
    for venue, amount in sorted(held.items(), key=lambda each: -each[1]):
        if left > ZERO:
            yield venue, min(amount, left)
        left -= amount


def _brief(part: JSON) -> JSON:
    """A part without its proposal, which stands in the books of its account."""
    return {
        "venue": part["venue"],
        "account": part["account"],
        "quantity": part["quantity"],
        "proposal_id": part["proposal"]["order"]["proposal_id"],
    }
