"""Which client order id is behind an order id of the venue: most venues' trades tell only the latter."""

from collections.abc import Sequence
from typing import Any

from core.errors import ExchangeUnavailable
from execution.venues.exchange.facts import Paging, VenueFacts
from execution.venues.exchange.reader import Reader
from execution.venues.exchange.reading import Row, client_id, same_id

_REMEMBERED = 50_000  # orders of this process: enough for days, and no growth without end


class Names:
    """Learns by asking, once an order. An order that we did not name is remembered as such."""

    def __init__(self, reader: Reader, facts: VenueFacts) -> None:
        self._reader = reader
        self._facts = facts
        self._known: dict[tuple[str, str], str | None] = {}  # symbol and the venue's order id to the client's

    def remember(self, symbol: str, order_id: str, name: str | None) -> None:
        remember(self._known, (symbol, order_id), name)

    def order_id(self, name: str) -> str | None:
        """The venue's id of an order of ours, where it was seen."""
        return next((key[1] for key, known in self._known.items() if known and same_id(known, name)), None)

    async def learn(self, trades: Sequence[Row], symbol: str) -> dict[str, str]:
        """The client order id of every order behind these trades, or `external-<id>`. Raises ExchangeUnavailable."""
        found: dict[str, str | None] = {}
        for row in trades:
            order_id, words = str(row.get("order")), row.get("info") or {}
            if any(key in words for key in self._facts.client_id_keys):
                found[order_id] = client_id(row, self._facts)
            elif (symbol, order_id) in self._known:
                found[order_id] = self._known[symbol, order_id]
        missing = sorted({str(row.get("order")) for row in trades} - found.keys())
        if self._facts.paging is Paging.UP and all(order_id.isdigit() for order_id in missing):
            found |= await self._in_bulk(sorted(missing, key=int), symbol)
        else:
            for order_id in missing:
                order = await self._reader.order_by_venue_id(order_id, symbol)
                found |= {} if order is None else {order_id: client_id(order, self._facts)}
        if unlisted := [order_id for order_id in missing if order_id not in found]:
            # It may be ours, and not listed yet: to call it a stranger's would be a guess.
            raise ExchangeUnavailable(
                f"{self._facts.name} tells trades of {', '.join(unlisted)}, and lists no such order"
            )
        for order_id, name in found.items():
            self.remember(symbol, order_id, name)
        return {order_id: name or f"external-{order_id}" for order_id, name in found.items()}

    async def _in_bulk(self, missing: list[str], symbol: str) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        while missing:
            for order in await self._reader.orders_from(missing[0], symbol):
                found[str(order.get("id"))] = client_id(order, self._facts)
            missing = [order_id for order_id in missing[1:] if order_id not in found]
        return found


def remember(memory: dict[Any, Any], key: object, value: object) -> None:
    """Keeps the newest entries of a memory that must not grow without end."""
    memory[key] = value
    if len(memory) > _REMEMBERED:
        del memory[next(iter(memory))]
