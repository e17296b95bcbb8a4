"""Tickets: the one-time proof that the gate reviewed this very order, for this account, in this risk epoch.

The office remembers what it minted, in memory only. There is no secret to steal and nothing to forge: a ticket is
good because the office knows it, is spent by being shown, and a restart knows none.
"""

from dataclasses import dataclass
from secrets import token_hex

from core.errors import DeskError
from core.orders import Order
from core.time import SECOND_NS, show_time


class TicketRefused(DeskError):
    """The door was shown something that the office did not mint, or no longer honours. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class ApprovedOrder:
    """An order with its ticket. Never stored, never sent between processes."""

    order: Order
    nonce: str


@dataclass(frozen=True, slots=True)
class _Entry:
    order_hash: str
    account_id: str
    epoch: int
    expires_ns: int
    reducing: bool


class TicketOffice:
    def __init__(self, account_id: str, ttl_s: int) -> None:
        self._account_id = account_id
        self._ttl_ns = ttl_s * SECOND_NS
        self._epoch = 0
        self._entries: dict[str, _Entry] = {}

    @property
    def epoch(self) -> int:
        return self._epoch

    def mint(self, order: Order, epoch: int, now_ns: int, *, reducing: bool = False) -> ApprovedOrder:
        """For the gate alone, after a review in `epoch`; a halt in between makes it worthless.

        `reducing` says that the review proved the order to reduce: it passes even where the kill switch is pulled.
        """
        nonce = token_hex(16)
        self._entries[nonce] = _Entry(order.order_hash, self._account_id, epoch, now_ns + self._ttl_ns, reducing)
        return ApprovedOrder(order, nonce)

    def redeem(self, approved: ApprovedOrder, now_ns: int) -> bool:
        """Spends the ticket; answers whether its order was proven to reduce. Raises TicketRefused saying why not."""
        entry = self._entries.pop(approved.nonce, None)
        if entry is None:
            raise TicketRefused("this ticket was never minted here, or is spent")
        if entry.order_hash != approved.order.order_hash:
            raise TicketRefused(f"order {approved.order.proposal_id} is not the one that was reviewed")
        if entry.account_id != approved.order.account_id:
            raise TicketRefused(f"the ticket is for account {entry.account_id}, not {approved.order.account_id}")
        if entry.epoch != self._epoch:
            raise TicketRefused(f"the ticket is of risk epoch {entry.epoch}, now is {self._epoch}")
        if now_ns > entry.expires_ns:
            raise TicketRefused(f"the ticket expired at {show_time(entry.expires_ns)}")
        return entry.reducing

    def void_all(self) -> None:
        """A new risk epoch: whatever was reviewed before it must be reviewed again."""
        self._epoch += 1
        self._entries.clear()
