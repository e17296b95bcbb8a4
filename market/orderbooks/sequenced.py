"""Books whose venue numbers its updates and gives the snapshot apart: buffer, ask for a snapshot, join the two.

Binance spot: drop `u <= L`; the first update has `U <= L + 1 <= u`; then each has `U = previous u + 1`.
https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#how-to-manage-a-local-order-book-correctly
Gate.io spot uses the same two numbers and the same rule.

Binance futures: drop `u < L`; the first update has `U <= L <= u`; then each has `pu = previous u`.
https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/How-to-manage-a-local-order-book-correctly
"""

from __future__ import annotations

from typing import Any, ClassVar

from market.orderbooks.verified import MS_NS, UNREADABLE, Broken, Message, Reason, State, VerifiedBook

_VALID = State.VALID


class SequencedBook(VerifiedBook):
    """Binance spot, and whoever numbers as it does.

    A message has `U` and `u`, the first and the last update in it, `b` and `a`, and `E`, the venue's milliseconds.
    """

    snapshot_apart = True
    # The number in a snapshot, beside `bids` and `asks`.
    snapshot_id: ClassVar[str] = "lastUpdateId"

    _joining = False

    @property
    def waiting(self) -> int:
        """Updates heard that wait for a snapshot to join."""
        return len(self._waiting)

    def load(self, snapshot: Message, received_ns: int, venue_now_ns: int = 0) -> bool:
        """Joins a snapshot with what was heard since. False: it does not reach back far enough, ask for another.

        A valid book stays as it is: what is newer than the snapshot was already applied.
        """
        if self.valid:
            return True
        waiting = list(self._waiting)
        try:
            last = _whole_number(snapshot[self.snapshot_id])
            missed = next((m for m in waiting if self._is_newer(m, last)), None)
            if missed is not None and not self._joins(missed, last):
                self._waiting.clear()
                self.detail = f"the snapshot ends at {last}, updates begin at {missed['U']}"
                return False
            # Spot says no time with it: then it is as of when it came, by the venue's clock where that was measured,
            # until the first update tells better.
            event_ns = int(snapshot.get("E", 0)) * MS_NS or venue_now_ns or received_ns
            self._whole(snapshot["bids"], snapshot["asks"], last, event_ns)
            self._refuse_impossible()
        except Broken as broken:
            self.invalidate(broken.reason, broken.detail)
            return False
        except UNREADABLE as wrong:
            self.invalidate(Reason.MALFORMED, f"snapshot: {type(wrong).__name__}: {wrong}"[:200])
            return False
        self._waiting.clear()
        self._joining, self.received_ns = True, received_ns
        for message in waiting:
            if self.valid:
                self.counts.messages -= 1  # it was counted when it came
                self.receive(message, received_ns)
        if self.valid and self._on_change is not None:
            self._on_change(self)
        return self.valid

    def _follow(self, message: Message) -> bool:
        if self.state is not _VALID:
            if len(self._waiting) == self._waiting.maxlen:
                self.counts.trimmed += 1
            self._waiting.append(message)
            self.counts.buffered += 1
            return False
        first, last, known = message["U"], message["u"], self.update_id
        if not self._continues(message, first, known):
            if not self._is_newer(message, known):
                self.counts.duplicates += 1
                return False
            if not (self._joining and self._joins(message, known)):
                raise Broken(Reason.GAP, f"after {known} came {first} to {last}")
        if not first <= last:
            raise Broken(Reason.MALFORMED, f"update from {first} to {last}")
        self.ladder.apply(message["b"], message["a"])
        self._joining = False
        self.update_id = last
        self.event_ns = int(message["E"]) * MS_NS
        return True

    def _continues(self, message: Message, first: int, known: int) -> bool:
        return first == known + 1

    def _is_newer(self, message: Message, known: int) -> bool:
        return bool(message["u"] > known)

    def _joins(self, message: Message, known: int) -> bool:
        return bool(message["U"] <= known + 1 <= message["u"])


class ChainedBook(SequencedBook):
    """Binance futures: each message also names, as `pu`, the last update of the message before it."""

    def _continues(self, message: Message, first: int, known: int) -> bool:
        return bool(message["pu"] == known) and not self._joining

    def _is_newer(self, message: Message, known: int) -> bool:
        # While it joins, an update that ends at the snapshot's own number still counts as its first.
        return bool(message["u"] > known or (self._joining and message["u"] == known))

    def _joins(self, message: Message, known: int) -> bool:
        return bool(message["U"] <= known <= message["u"] or message["pu"] == known)


def _whole_number(value: Any) -> int:
    number = int(value)
    if isinstance(value, float) or number < 0:
        raise ValueError(f"found the update number {value!r}")
    return number
