"""Smart order routing: how a quantity is best spread over several venues, and why. It reads books and sends nothing.

Every level of every book is taken in the order of its all-in price (expected slippage and taker fee included). With
fees that are a fraction of notional that is the cheapest way to fill the quantity; lots and minimum sizes can only be
met near it. It splits only where that pays. What holds until several live venues are wired: one account a venue, each
with its own balances; nothing is moved between them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.money import ONE, ZERO, on_grid, round_quantity
from core.orders import Side
from core.quotes import Level


@dataclass(frozen=True, slots=True)
class Place:
    """One venue. `levels` is the side of its book that is taken, best first; `balance` what pays there.

    Quote currency pays for a purchase, base units for a sale. `taker_fee` and `slippage` (expected beyond the book) are
    fractions of notional, `min_notional` is in quote currency.
    """

    venue: str
    levels: Sequence[Level]
    taker_fee: Decimal
    lot_size: Decimal
    min_quantity: Decimal
    min_notional: Decimal
    balance: Decimal
    slippage: Decimal = ZERO
    tradable: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """What one venue gets. `amount` is what it pays all in (a purchase) or brings (a sale), in quote currency."""

    venue: str
    quantity: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Route:
    """A decision, as data for the record. No part where the quantity cannot be placed.

    `alone` is what each venue would have cost or brought by itself, None where it cannot take all of it; `left_out`
    says why a venue has no part; `saved` is against the best of `alone`, in quote currency.
    """

    side: Side
    quantity: Decimal
    parts: tuple[Part, ...]
    amount: Decimal
    alone: Mapping[str, Decimal | None]
    left_out: Mapping[str, str]
    saved: Decimal
    reason: str


def route(side: Side, quantity: Decimal, places: Sequence[Place], *, least_saving: Decimal) -> Route:
    """The cheapest way to trade exactly `quantity`; it splits only to save `least_saving` (a fraction) or more.

    Raises ValueError for two places of one venue, or a quantity that is not positive.
    """
    if len({place.venue for place in places}) < len(places) or not (quantity.is_finite() and quantity > ZERO):
        raise ValueError(
            f"expected one place a venue and a positive quantity, found {quantity} of {len(places)} places"
        )
    useless = {place.venue: why for place in places if (why := _useless(place)) is not None}
    usable = [_Offer(side, place) for place in places if place.venue not in useless]
    alone: dict[str, Decimal | None] = dict.fromkeys(useless)
    alone |= {offer.venue: offer.amount(quantity) if offer.takes(quantity) else None for offer in usable}
    single = min((_One(o, quantity) for o in usable if alone[o.venue] is not None), key=_One.cost, default=None)
    split, dropped = _split(quantity, usable)
    known = (side, quantity, alone, useless)
    if single is None and not split:
        return _told(*known, [], {}, None, "no venue takes it, alone or with others")
    if single is None:
        return _told(*known, split, dropped, None, "no venue takes all of it")
    best = [single]
    saved = single.cost() - sum((one.cost() for one in split), ZERO) if split else ZERO
    if len(split) > 1 and saved > ZERO and saved >= least_saving * abs(single.cost()):
        return _told(*known, split, dropped, single, "splitting it pays")
    return _told(*known, best, {}, single, "one venue is as good as several")


class _Offer:
    """A place with its levels at all-in prices, as far as its balance reaches."""

    def __init__(self, side: Side, place: Place) -> None:
        self.venue, self.place, self.side = place.venue, place, side
        factor = (ONE + side.sign * place.slippage) * (ONE + side.sign * place.taker_fee)
        self.levels = list(self._affordable([(level.price * factor, level.quantity) for level in place.levels]))
        self.depth = sum((quantity for _, quantity in self.levels), ZERO)

    def _affordable(self, levels: list[tuple[Decimal, Decimal]]) -> Iterator[tuple[Decimal, Decimal]]:
        left = self.place.balance
        for price, quantity in levels:
            unit = price if self.side is Side.BUY else ONE
            part = min(quantity, left / unit)
            if part > ZERO:
                yield price, part
            left -= part * unit

    def amount(self, quantity: Decimal) -> Decimal:
        """Quote currency that the first `quantity` of it costs or brings."""
        total, left = ZERO, quantity
        for price, offered in self.levels:
            part = min(offered, left)
            total += price * part
            left -= part
        return total

    def takes(self, quantity: Decimal) -> bool:
        """Whether the venue would take an order of so much, and it can be filled and paid for."""
        place = self.place
        sized = on_grid(quantity, place.lot_size) and quantity >= place.min_quantity
        return sized and quantity <= self.depth and self._worth(quantity) >= place.min_notional

    def _worth(self, quantity: Decimal) -> Decimal:
        """At the worst price for a minimum: the lowest that the order may be valued at."""
        return quantity * min(level.price for level in self.place.levels)


@dataclass(frozen=True, slots=True)
class _One:
    offer: _Offer
    quantity: Decimal

    def cost(self) -> Decimal:
        """All in, less being better on either side."""
        return self.offer.side.sign * self.offer.amount(self.quantity)


def _useless(place: Place) -> str | None:
    """Why a venue is not looked at."""
    if not place.tradable:
        return "it is closed"
    numbers = (place.taker_fee, place.slippage, place.balance, place.lot_size, place.min_quantity, place.min_notional)
    levels = [number for level in place.levels for number in (level.price, level.quantity)]
    sound = all(n.is_finite() and n >= ZERO for n in numbers) and all(n.is_finite() and n > ZERO for n in levels)
    if not sound or place.lot_size <= ZERO or place.taker_fee >= ONE or place.slippage >= ONE:
        return "its numbers make no sense"
    if not place.levels:
        return "its book is empty"
    return "it has no balance to pay with" if not place.balance else None


def _split(quantity: Decimal, offers: Sequence[_Offer]) -> tuple[list[_One], dict[str, str]]:
    """The merge of all books, cut to lots; a venue whose share is too small for it is left out and it begins again."""
    dropped: dict[str, str] = {}
    while True:
        left_in = [offer for offer in offers if offer.venue not in dropped]
        shares = _merged(quantity, left_in)
        if sum(shares.values(), ZERO) < quantity:
            return [], dropped
        cut = _cut(quantity, left_in, shares)
        if cut is not None:
            return cut, dropped
        small = [offer for offer in left_in if shares[offer.venue] and not _large_enough(offer, shares[offer.venue])]
        if not left_in:
            return [], dropped
        # Nobody's share is too small, and still no lots add up: the smallest share goes.
        gone = min(small or left_in, key=lambda offer: (shares[offer.venue], offer.venue))
        dropped[gone.venue] = "its share would be less than it takes" if small else "its lots do not add up"


def _merged(quantity: Decimal, offers: Sequence[_Offer]) -> dict[str, Decimal]:
    """How much of each venue is among the cheapest `quantity` of all levels."""
    sign = offers[0].side.sign if offers else 1
    levels = [(sign * price, offer.venue, offered) for offer in offers for price, offered in offer.levels]
    shares, left = {offer.venue: ZERO for offer in offers}, quantity
    for _, venue, offered in sorted(levels, key=lambda level: level[:2]):
        part = min(offered, left)
        shares[venue] += part
        left -= part
    return shares


def _cut(quantity: Decimal, offers: Sequence[_Offer], shares: Mapping[str, Decimal]) -> list[_One] | None:
    """Every share on its venue's lot, one of them taking what that leaves: the cheapest such, if there is any."""
    found: list[list[_One]] = []
    for rest in offers:
        others = [_One(o, round_quantity(shares[o.venue], o.place.lot_size)) for o in offers if o is not rest]
        parts = [*others, _One(rest, quantity - sum((one.quantity for one in others), ZERO))]
        parts = [one for one in parts if one.quantity]
        if all(one.offer.takes(one.quantity) for one in parts):
            found.append(parts)
    return min(found, key=lambda parts: sum((one.cost() for one in parts), ZERO), default=None)


def _large_enough(offer: _Offer, share: Decimal) -> bool:
    return offer.takes(round_quantity(share, offer.place.lot_size))


def _told(
    side: Side,
    quantity: Decimal,
    alone: Mapping[str, Decimal | None],
    useless: Mapping[str, str],
    chosen: Sequence[_One],
    dropped: Mapping[str, str],
    single: _One | None,
    reason: str,
) -> Route:
    parts = tuple(Part(one.offer.venue, one.quantity, one.offer.amount(one.quantity)) for one in chosen)
    used = {part.venue for part in parts}
    others = dict.fromkeys((venue for venue in alone if venue not in used), "others are cheaper")
    saved = ZERO if single is None else single.cost() - sum((one.cost() for one in chosen), ZERO)
    amount = sum((part.amount for part in parts), ZERO)
    left_out = {**others, **{v: why for v, why in dropped.items() if v not in used}, **useless}
    if not parts:
        left_out = {**dict.fromkeys(alone, "it cannot take its part"), **useless}
    return Route(side, quantity, parts, amount, alone, left_out, saved, reason)
