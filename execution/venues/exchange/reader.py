"""Reads of a venue that either prove what they say or raise ExchangeUnavailable."""

from collections.abc import Mapping
from typing import Any

from ccxt.base import errors

from core.errors import ExchangeUnavailable, NotOffered, ReadRestricted
from core.instruments import ContractKind
from execution.venues.exchange.budget import Use, using
from execution.venues.exchange.client import set_clock, watching
from execution.venues.exchange.facts import Lookup, Paging, VenueFacts
from execution.venues.exchange.outcomes import not_found, restricts, shown
from execution.venues.exchange.reading import MS_NS, Row, client_id, same_id, time_ms

Params = Mapping[str, Any]
_MOST_PAGES = 10_000
# What keys may be refused while they trade: money that moved, beside account, orders and trades.
_BESIDE = frozenset({"fetch_deposits", "fetch_withdrawals", "fetch_ledger", "fetch_funding_history"})
_LISTED = 100  # orders asked for where they must be searched
_OLDER_MS = 3_600_000  # orders are listed from before they were sent: clocks differ


class Reader:
    """Asks one client of ccxt. Every answer's shape is checked: ccxt reads an empty list out of many a wrong one."""

    def __init__(self, client: Any, facts: VenueFacts, kind: ContractKind) -> None:
        self._client = client
        self._facts = facts
        self._kind = kind
        self.clock_is_off = False  # the venue refused a time stamp

    async def ask(self, method: str, *asked: Any, use: Use = Use.POLL, rows: str | None = None) -> Any:
        """What a method of ccxt answers. `rows` names the shape that the venue's answer must have."""
        answer, _ = await self._asked(method, asked, use, rows)
        return answer

    async def order(self, client_order_id: str, symbol: str, since_ms: int) -> Row | None:
        """One look for an order by our id among open and then closed ones; `since_ms` is from when it may be."""
        row = await self._by_id(client_order_id, symbol) if self._facts.lookup is Lookup.FETCH else None
        if row is None:
            row = await self._open(client_order_id, symbol)
        if row is None and self._facts.lookup is not Lookup.FETCH:
            row = await self._closed(client_order_id, symbol, since_ms)
        return row

    async def order_by_venue_id(self, order_id: str, symbol: str) -> Row | None:
        params = {"acknowledged": True} if self._facts.name == "bybit" else {}
        return await self._one(order_id, symbol, params)

    async def orders_from(self, order_id: str, symbol: str) -> list[Row]:
        """Up to a thousand orders of any state, from this id on, oldest first. Only where ids are numbers in order."""
        asked = (symbol, None, 1000, {"orderId": order_id})
        return list(await self.ask("fetch_orders", *asked, use=Use.QUERY, rows="closed"))

    async def open_orders(self) -> list[Row]:
        """Every open order of the account, conditional ones too, once."""
        found: dict[str, Row] = {}
        kind = {"instType": "SWAP" if self._kind is ContractKind.PERPETUAL else "SPOT"}
        first: Params = kind if self._facts.name == "okx" else {}
        for params in (first, *({**first, **also} for also in self._facts.open_also)):
            for row in await self._open_pages(params):
                found[str(row.get("id"))] = row
        return list(found.values())

    async def trades(self, symbol: str, since_ms: int, now_ms: int) -> list[Row]:
        """Every trade of the account since, oldest first, once."""
        span_ns = self._facts.trades_window_ns
        found: dict[tuple[Any, ...], Row] = {}
        start_ms = since_ms
        while True:
            last = span_ns is None or start_ms + span_ns // MS_NS > now_ms
            end_ms = None if last or span_ns is None else start_ms + span_ns // MS_NS - 1
            await self._window(symbol, start_ms, end_ms, found)
            if end_ms is None:
                break
            start_ms = end_ms + 1
        return sorted((row for row in found.values() if time_ms(row) >= since_ms), key=_place_in_time)

    async def trades_of(self, order: Row, symbol: str, now_ms: int) -> list[Row]:
        """The trades of one order."""
        param, page, order_id = self._facts.order_trades, self._facts.trades_page, str(order["id"])
        if param is not None:
            asked = [order_id] if param.endswith("s") else order_id
            rows = await self._trades_page(symbol, None, {param: asked}, Use.QUERY)
            if page is None or len(rows) < page:
                return [row for row in rows if row.get("order") == order_id]
        since_ms = time_ms(order) - 1_000
        return [row for row in await self.trades(symbol, since_ms, now_ms) if row.get("order") == order_id]

    # One look for one order.

    async def _by_id(self, client_order_id: str, symbol: str) -> Row | None:
        row = await self._one(None, symbol, {self._facts.find_by: client_order_id})
        if row is not None and not self._is(row, client_order_id):
            raise ExchangeUnavailable(f"{self._facts.name} was asked for {client_order_id} and told another order")
        return row

    async def _open(self, client_order_id: str, symbol: str) -> Row | None:
        params = {self._facts.find_by: client_order_id} if self._facts.lookup is Lookup.LISTS else {}
        return self._among(await self._open_pages(params, symbol), client_order_id)

    async def _closed(self, client_order_id: str, symbol: str, since_ms: int) -> Row | None:
        filtered = self._facts.lookup is Lookup.LISTS
        asked: tuple[Any, ...] = (symbol, since_ms - _OLDER_MS, _LISTED, {})
        if filtered:
            asked = (symbol, None, None, {self._facts.find_by: client_order_id})
        for method in self._facts.closed_lists:
            rows = await self.ask(method, *asked, use=Use.QUERY, rows="closed")
            row = self._among(rows, client_order_id)
            if row is not None:
                return row
            if not filtered and len(rows) >= _LISTED:
                raise ExchangeUnavailable(f"{self._facts.name} lists {_LISTED} orders, this may be one before them")
        return None

    def _among(self, rows: list[Row], client_order_id: str) -> Row | None:
        return next((row for row in rows if self._is(row, client_order_id)), None)

    def _is(self, row: Row, client_order_id: str) -> bool:
        return same_id(client_id(row, self._facts) or "", client_order_id)

    async def _one(self, order_id: str | None, symbol: str, params: Params) -> Row | None:
        try:
            row: Row = await self.ask("fetch_order", order_id, symbol, dict(params), use=Use.QUERY)
        except _NotThere:
            return None
        if not row.get("id"):
            raise ExchangeUnavailable(f"{self._facts.name} told an order without an id")
        return row

    # Pages.

    async def _open_pages(self, params: Params, symbol: str | None = None) -> list[Row]:
        found: list[Row] = []
        use = Use.POLL if symbol is None else Use.QUERY
        for _ in range(_MOST_PAGES):
            asked = (symbol, None, None, dict(params))
            rows, answer = await self._asked("fetch_open_orders", asked, use, "open")
            found += rows
            cursor = _at(answer, self._facts.open_cursor) if self._facts.open_cursor else None
            if cursor:
                params = {**params, "cursor": cursor}
            elif self._facts.open_page is not None and len(rows) >= self._facts.open_page:
                params = {**params, "after": str(min(int(row["id"]) for row in rows))}
            else:
                return found
        raise ExchangeUnavailable(f"{self._facts.name}: the list of open orders has no end")

    async def _window(self, symbol: str, start_ms: int, end_ms: int | None, found: dict[tuple[Any, ...], Row]) -> None:
        """The trades of one window, page by page; a page is read again from where it ended until nothing is new."""
        paging, page = self._facts.paging, self._facts.trades_page
        since_ms, until_ms, offset = start_ms, end_ms, 0
        for _ in range(_MOST_PAGES):
            params: dict[str, Any] = {} if until_ms is None else {"until": until_ms}
            if paging is Paging.OFFSET:
                params |= {"ofs": offset, "consolidate_taker": "false"}
                rows = await self._trades_page(symbol, since_ms - 1_000, params, Use.POLL)
            else:
                rows = await self._trades_page(symbol, since_ms, params, Use.POLL)
            new = {_key(row): row for row in rows if _key(row) not in found}
            found |= new
            if page is None or len(rows) < page or (paging is Paging.OFFSET and not new):
                return
            times = [time_ms(row) for row in rows]
            if paging is Paging.OFFSET:
                offset += len(rows)
            elif paging is Paging.UP and max(times) > since_ms:
                since_ms = max(times)
            elif paging is Paging.DOWN and (until_ms is None or min(times) < until_ms):
                until_ms = min(times)
            else:
                raise ExchangeUnavailable(f"{self._facts.name}: more trades in one moment than it tells at once")
        raise ExchangeUnavailable(f"{self._facts.name}: the list of trades has no end")

    async def _trades_page(self, symbol: str, since_ms: int | None, params: Params, use: Use) -> list[Row]:
        page = None if self._facts.paging is Paging.OFFSET else self._facts.trades_page
        asked = (symbol, since_ms, page, dict(params))
        return list(await self.ask("fetch_my_trades", *asked, use=use, rows="trades"))

    async def set_clock(self) -> None:
        """Asks the venue for its time. Raises ExchangeUnavailable."""
        try:
            with using(Use.QUERY), watching():
                await set_clock(self._client)
        except Exception as failure:  # noqa: BLE001  # as below
            raise ExchangeUnavailable(f"{self._facts.name}: its time is not known: {shown(failure)}") from None

    async def _asked(self, method: str, asked: tuple[Any, ...], use: Use, rows: str | None) -> tuple[Any, Any]:
        """The answer in ccxt's words and in the venue's."""
        try:
            with using(use), watching() as wire:
                answer = await getattr(self._client, method)(*asked)
                told = wire.answers[-1] if wire.answers else None
                if rows is not None and rows in self._facts.rows:
                    self._check(told, self._facts.rows[rows])
        except ExchangeUnavailable:
            raise
        except Exception as failure:  # noqa: BLE001  # ccxt's parsers stumble in every way; each read proved nothing
            self.clock_is_off |= isinstance(failure, errors.InvalidNonce)
            kind = _NotThere if not_found(failure) else self._kind_of(method, failure)
            raise kind(f"{self._facts.name}: {method}: {shown(failure)}") from None
        return answer, told

    def _kind_of(self, method: str, failure: Exception) -> type[ExchangeUnavailable]:
        denied = isinstance(failure, errors.AuthenticationError) and not isinstance(failure, errors.AccountSuspended)
        if denied and method in _BESIDE:
            return NotOffered
        if restricts(failure, self._facts):
            return ReadRestricted
        return NotOffered if isinstance(failure, errors.NotSupported) else ExchangeUnavailable

    def _check(self, told: Any, path: tuple[str, ...]) -> None:
        if not isinstance(_at(told, path), self._facts.rows_are):
            raise errors.BadResponse(f"expected rows at {'.'.join(path) or 'the top'} of the answer")


class _NotThere(ExchangeUnavailable):
    """The venue says that it has no such order."""


def _at(node: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if isinstance(node, list):
            node = node[0] if node else None
        if not isinstance(node, dict):
            return None
        node = node.get(key)
    return node


def _key(row: Row) -> tuple[Any, ...]:
    return row.get("order"), row.get("id")


def _place_in_time(row: Row) -> tuple[int, str]:
    return time_ms(row), str(row.get("id"))
