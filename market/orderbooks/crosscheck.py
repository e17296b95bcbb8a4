"""A book against the venue's own snapshot of it, at the same update number: what a sequence alone cannot prove."""

from __future__ import annotations

from dataclasses import dataclass

from market.orderbooks.ladder import Amount, Ladder
from market.orderbooks.sequenced import SequencedBook
from market.orderbooks.verified import Message, Reason


@dataclass(frozen=True, slots=True)
class Difference:
    """One level that the two do not agree on; None where it does not exist."""

    side: str
    price: float
    ours: Amount | None
    theirs: Amount | None


def differences(ours: Ladder, theirs: Ladder) -> list[Difference]:
    """Every level, inside the range that `theirs` covers, in which the two differ, dearest bid first.

    Levels beyond the snapshot's last are not compared: a snapshot has an end, a book need not have one.
    """
    found = [
        Difference("bid", price, ours.bids.get(price), theirs.bids.get(price))
        for price in sorted({*ours.bids, *theirs.bids}, reverse=True)
        if theirs.bids and price >= min(theirs.bids) and not _same(ours.bids.get(price), theirs.bids.get(price))
    ]
    found += [
        Difference("ask", price, ours.asks.get(price), theirs.asks.get(price))
        for price in sorted({*ours.asks, *theirs.asks})
        if theirs.asks and price <= max(theirs.asks) and not _same(ours.asks.get(price), theirs.asks.get(price))
    ]
    return found


class CrossCheck:
    """Begin, fetch a snapshot, finish. In between the book runs on; the snapshot is brought to the book's own number.

    >>> check = CrossCheck(book)
    >>> snapshot = await fetch()
    >>> check.finish(snapshot, now_ns, allowed=0)
    """

    def __init__(self, book: SequencedBook) -> None:
        self._book = book
        # The deltas since here, to bring the snapshot up to where the book will be.
        self._tail: list[Message] = []
        book.record_into(self._tail)
        self._began_at = book.update_id
        self.dead = False

    def abandon(self) -> None:
        """There will be no snapshot."""
        self._book.record_into(None)

    def finish(
        self, snapshot: Message, now_ns: int, *, allowed: int = 0, venue_now_ns: int = 0
    ) -> list[Difference] | None:
        """Differences found; more than `allowed` make the book invalid. None: the two could not be compared.

        `now_ns` is by our clock, `venue_now_ns` by the venue's; 0 where nobody measured it.

        A snapshot ahead of a book that heard nothing meanwhile proves that its stream is `dead`: that is a gap.
        """
        book = self._book
        book.record_into(None)
        if not book.valid or snapshot[book.snapshot_id] < self._began_at:
            return None
        ahead = snapshot[book.snapshot_id] > book.update_id
        if ahead and not self._tail and now_ns - book.received_ns > ALIVE_NS:
            self.dead = True
            known = snapshot[book.snapshot_id]
            book.invalidate(Reason.GAP, f"the venue is at {known}, we heard up to {book.update_id}")
            return None
        shadow = type(book)(book.symbol)
        for message in self._tail:
            shadow.receive(message, now_ns)
        if not shadow.load(snapshot, now_ns) or shadow.update_id != book.update_id:
            return None
        found = differences(book.ladder, shadow.ladder)
        if len(found) > allowed:
            book.invalidate(Reason.DISAGREES, f"{len(found)} levels, first {found[0]}")
        else:
            # The venue has just confirmed it: silence was quiet, not death.
            book.received_ns = max(book.received_ns, now_ns)
            book.event_ns = max(book.event_ns, venue_now_ns)
        return found


ALIVE_NS = 2_000_000_000


def _same(a: Amount | None, b: Amount | None) -> bool:
    return a == b or (a is not None and b is not None and float(a) == float(b))
