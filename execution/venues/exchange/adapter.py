"""A real exchange as a `Venue`: plain orders in, proven words out."""

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ccxt.base import errors

from core.errors import (
    AccountRestricted,
    ConfigError,
    ExchangeRejected,
    ExchangeUnavailable,
    OrderStateUnknown,
)
from core.instruments import ContractKind, Instrument
from core.money import Quantity
from core.orders import Fill
from core.ports import Clock
from core.time import DAY_NS
from execution.ports import (
    AbsenceProof,
    OrderReport,
    PlainOrder,
    VenueEvent,
    VenueFunding,
    VenueOrder,
    VenuePosition,
    VenueTransfer,
)
from execution.venues.exchange import reading
from execution.venues.exchange.asking import arguments, venue_id
from execution.venues.exchange.budget import RateBudget, Use, using
from execution.venues.exchange.client import Access, Keys, build, prepare, watching
from execution.venues.exchange.facts import Lookup, VenueFacts, facts_of
from execution.venues.exchange.hints import hints
from execution.venues.exchange.instruments import instrument_of, number
from execution.venues.exchange.naming import Names, remember
from execution.venues.exchange.outcomes import Outcome, classify, may_have_left, not_found, shown
from execution.venues.exchange.reader import Reader
from execution.venues.exchange.reading import MS_NS, Row
from execution.venues.exchange.transferring import transfers

_RECENT_NS = 30 * DAY_NS  # how far back to look for an order that another process sent
_SKEW_MS = 10_000  # trades are listed from before the send: clocks differ
_ASK_AGAIN = (errors.RateLimitExceeded, errors.DDoSProtection, errors.InvalidNonce)


class ExchangeVenue:
    """One account at one venue, for one kind of contract. `open` before the first call, `close` after the last.

    It never sends an id twice, whatever the caller asks: not every venue would refuse the second.
    """

    def __init__(
        self, account_id: str, client: Any, facts: VenueFacts, kind: ContractKind, clock: Clock, budget: RateBudget
    ) -> None:
        self.name = facts.name
        self.budget = budget
        self._account_id = account_id
        self._client = client
        self._facts = facts
        self._kind = kind
        self._clock = clock
        self._reader = Reader(client, facts, kind)
        self._ready: frozenset[str] = frozenset()
        self._sent: dict[str, int] = {}  # client order id to when
        self._live: set[str] = set()  # client order ids that may still fill, by the venue's last word
        self._names = Names(self._reader, facts)

    @classmethod
    def at(
        cls,
        venue: str,
        kind: ContractKind,
        account_id: str,
        keys: Keys,
        budget: RateBudget,
        clock: Clock,
        access: Access | None = None,
    ) -> "ExchangeVenue":
        """Raises ConfigError for a venue that is not there, or was not checked for this kind of contract."""
        facts = facts_of(venue, kind)
        client = build(facts, kind, keys, budget, access or Access())
        return cls(account_id, client, facts, kind, clock, budget)

    async def open(self, symbols: Sequence[str], *, leverage: int = 1) -> dict[str, Instrument]:
        """Loads markets and clock, sets up perpetuals, and tells the instruments. Raises ExchangeUnavailable."""
        await prepare(self._client, self._facts, self._kind, symbols, leverage)
        found = {symbol: self._instrument(symbol) for symbol in symbols}
        self._ready = frozenset(found)
        return found

    @property
    def absence(self) -> AbsenceProof:
        return self._facts.absence

    @property
    def rests_stops(self) -> bool:
        return self._kind in self._facts.rests_stops

    @property
    def iceberg_parts(self) -> int:
        return self._facts.iceberg_parts if self._facts.iceberg else 0

    # Writing.

    async def place(self, order: PlainOrder) -> None:
        if order.client_order_id in self._sent:
            await self._known_already(order)
            return
        if order.symbol not in self._ready:
            raise ExchangeRejected(f"not sent: {order.symbol} was not made ready at {self.name}")
        with using(Use.ORDER), watching() as wire:
            try:
                await self._set_clock()
                asked = arguments(order, self._client, self._facts, self._kind)
                remember(self._sent, order.client_order_id, self._clock.now_ns())
                row = await self._client.create_order(*asked)
            except ExchangeRejected:
                raise
            except Exception as failure:  # noqa: BLE001  # whatever broke while it was under way proves nothing
                outcome = classify(failure, self._facts, sent=wire.sent)
                said = f"{self.name}: {shown(failure)}"
                self._reader.clock_is_off |= isinstance(failure, errors.InvalidNonce)
            else:
                self._accepted(row, order)
                return
        await self._failed(order, outcome, said)

    def _accepted(self, row: Row, order: PlainOrder) -> None:
        told = reading.client_id(row, self._facts)
        if not row.get("id"):
            raise OrderStateUnknown(f"{self.name} answered without an order id")
        if told is not None and not reading.same_id(told, order.client_order_id):
            raise OrderStateUnknown(f"{self.name} calls {order.client_order_id} by another id, {told}")
        self._names.remember(order.symbol, str(row["id"]), order.client_order_id)
        self._live.add(order.client_order_id)

    async def _failed(self, order: PlainOrder, outcome: Outcome, said: str) -> None:
        match outcome:
            case Outcome.REJECTED | Outcome.RESTRICTED:
                self._sent.pop(order.client_order_id, None)
                raise (ExchangeRejected if outcome is Outcome.REJECTED else AccountRestricted)(said)
            case Outcome.DUPLICATE:
                await self._known_already(order)
            case Outcome.UNKNOWN:
                raise OrderStateUnknown(said)

    async def _known_already(self, order: PlainOrder) -> None:
        """An order with this id may be there: returns where it is."""
        try:
            if await self.report(order.client_order_id, order.symbol) is not None:
                return
        except ExchangeUnavailable as failure:
            raise OrderStateUnknown(str(failure)) from None
        raise OrderStateUnknown(f"{self.name} was asked before for {order.client_order_id}, and shows no such order")

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        order_id, params = None, {}
        if self._facts.cancel_by is not None:
            params = {self._facts.cancel_by: venue_id(client_order_id, self._facts)}
        else:
            order_id = await self._venue_order_id(client_order_id, symbol)
        with using(Use.CANCEL), watching() as wire:
            try:
                await self._client.cancel_order(order_id, symbol, params)
            except Exception as failure:  # noqa: BLE001  # as above
                self._reader.clock_is_off |= isinstance(failure, errors.InvalidNonce)
                self._not_cancelled(failure, sent=wire.sent)

    def _not_cancelled(self, failure: Exception, *, sent: bool) -> None:
        """Returns where the order may be over already: its report says. What may be asked again is unavailable."""
        if not_found(failure) or isinstance(failure, errors.CancelPending):
            return
        said = f"{self.name}: {shown(failure)}"
        if not may_have_left(failure, sent=sent) or isinstance(failure, _ASK_AGAIN):
            raise ExchangeUnavailable(said) from None
        match classify(failure, self._facts, sent=sent):
            case Outcome.RESTRICTED:
                raise AccountRestricted(said) from None
            case Outcome.REJECTED:
                raise ExchangeRejected(said) from None
            case _:
                raise ExchangeUnavailable(f"whether the cancel arrived is not known: {said}") from None

    async def advance(self, now_ns: int) -> None:
        """A real venue matches by itself."""

    async def keep_alive(self, timeout_s: int) -> bool:
        if self._kind not in self._facts.mass_cancel:
            return False
        await self._reader.ask("cancel_all_orders_after", timeout_s * 1000)
        return True

    async def close(self) -> None:
        await self._client.close()

    # Reading.

    async def report(self, client_order_id: str, symbol: str) -> OrderReport | None:
        await self._set_clock()
        sent_ns = self._sent.get(client_order_id, self._clock.now_ns() - _RECENT_NS)
        row = await self._by_its_number(client_order_id, symbol)
        if row is None:
            row = await self._reader.order(venue_id(client_order_id, self._facts), symbol, sent_ns // MS_NS)
        if row is None:
            row = await self._by_its_trades(client_order_id, symbol, sent_ns // MS_NS)
        told = None if row is None else await self._reported(client_order_id, row, symbol)
        if told is not None and told.state.live:
            self._live.add(client_order_id)
        else:
            self._live.discard(client_order_id)
        return told

    async def _by_its_number(self, client_order_id: str, symbol: str) -> Row | None:
        """Where lists must be searched, by the venue's own id if that was told: lists of closed orders are short."""
        if self._facts.lookup is not Lookup.MATCH or (number := self._names.order_id(client_order_id)) is None:
            return None
        return await self._reader.order_by_venue_id(number, symbol)

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        await self._set_clock()
        rows = [row for row in await self._reader.open_orders() if self._is_ours(self._market(str(row.get("symbol"))))]
        held = await self.positions() if any(reading.closes_all(row) for row in rows) else ()
        found = []
        for row in rows:
            market, closing = self._market(str(row.get("symbol"))), None
            if reading.closes_all(row):
                closing = _closed_by(row, str(market["symbol"]), held)
                # It would close nothing: there is nothing of it to count.
                if closing is None:
                    continue
            found.append(reading.order_of(row, market, self._facts, closing=closing))
        return tuple(found)

    async def fills(self, symbol: str, since_ns: int) -> tuple[Fill, ...]:
        await self._set_clock()
        rows = await self._reader.trades(symbol, -(-since_ns // MS_NS), self._clock.now_ns() // MS_NS)
        names = await self._names.learn(rows, symbol)
        return tuple(self._fill(row, symbol, names[str(row.get("order"))]) for row in rows)

    async def balances(self) -> Mapping[str, Decimal]:
        await self._set_clock()
        told = await self._reader.ask("fetch_balance", rows="balance")
        totals = self._wallet(told["info"]) if self._facts.wallet else told["total"]
        found = {currency: number(total) for currency, total in totals.items()}
        if unread := [currency for currency, total in found.items() if total is None]:
            raise ExchangeUnavailable(f"{self.name} tells no total of {', '.join(sorted(unread))}")
        return {currency: total for currency, total in found.items() if total}

    async def positions(self) -> tuple[VenuePosition, ...]:
        if self._kind is ContractKind.SPOT:
            return ()
        await self._set_clock()
        rows = await self._reader.ask("fetch_positions")
        found = []
        for row in rows:
            market = self._market(str(row.get("symbol")))
            if self._is_ours(market) and (position := reading.position_of(row, market)) is not None:
                found.append(position)
        return tuple(found)

    async def transfers(self, since_ns: int) -> tuple[VenueTransfer, ...]:
        await self._set_clock()
        now_ms = self._clock.now_ns() // MS_NS
        return await transfers(self._reader, self._client, self._facts, since_ns // MS_NS, now_ms)

    async def fundings(self, since_ns: int) -> tuple[VenueFunding, ...]:
        if self._kind is ContractKind.SPOT:
            return ()
        if not self._client.has.get("fetchFundingHistory"):
            raise ExchangeUnavailable(f"{self.name} does not tell funding through ccxt")
        await self._set_clock()
        found: dict[tuple[str, int], VenueFunding] = {}
        start_ms, known = since_ns // MS_NS, -1
        while len(found) > known:
            known = len(found)
            for row in await self._reader.ask("fetch_funding_history", None, start_ms):
                told = reading.funding_of(row)
                found[told.symbol, told.ts_event_ns] = told
                start_ms = max(start_ms, told.ts_event_ns // MS_NS)
        return tuple(found[key] for key in sorted(found, key=lambda key: (key[1], key[0])))

    def events(self) -> AsyncIterator[VenueEvent]:
        return hints(self._client, self._facts, awaited=lambda: bool(self._live))

    # Inside.

    async def _set_clock(self) -> None:
        """After a refusal for its time stamp, ask the venue for its time before anything else is signed."""
        if self._reader.clock_is_off:
            await self._reader.set_clock()
            self._reader.clock_is_off = False

    async def _reported(self, client_order_id: str, row: Row, symbol: str) -> OrderReport:
        market, order_id = self._market(symbol), reading.exchange_id(row)
        self._names.remember(symbol, order_id, client_order_id)
        done = reading.filled(row, market)
        trades = await self._reader.trades_of(row, symbol, self._clock.now_ns() // MS_NS) if done else []
        return OrderReport(
            client_order_id=client_order_id,
            exchange_order_id=order_id,
            state=reading.state_of(row),
            filled_quantity=done,
            fills=tuple(self._fill(trade, symbol, client_order_id) for trade in trades),
        )

    async def _by_its_trades(self, client_order_id: str, symbol: str, since_ms: int) -> Row | None:
        """The last look: lists lag behind trades."""
        rows = await self._reader.trades(symbol, since_ms - _SKEW_MS, self._clock.now_ns() // MS_NS)
        for order_id, name in (await self._names.learn(rows, symbol)).items():
            if reading.same_id(name, client_order_id):
                return await self._reader.order_by_venue_id(order_id, symbol)
        return None

    def _fill(self, row: Row, symbol: str, name: str) -> Fill:
        return reading.fill_of(
            row,
            self._market(symbol),
            self._facts,
            name=name,
            account_id=self._account_id,
            known_at_ns=self._clock.now_ns(),
        )

    async def _venue_order_id(self, client_order_id: str, symbol: str) -> str:
        if (known := self._names.order_id(client_order_id)) is not None:
            return known
        row = await self._reader.order(client_order_id, symbol, self._clock.now_ns() // MS_NS - _RECENT_NS // MS_NS)
        if row is None:
            raise ExchangeUnavailable(f"{self.name} cancels by its own id, and does not list {client_order_id} yet")
        return reading.exchange_id(row)

    def _wallet(self, info: Any) -> dict[str, Any]:
        assert self._facts.wallet is not None
        currency, amount = self._facts.wallet
        node = info
        for key in self._facts.rows["balance"]:
            node = (node[0] if isinstance(node, list) else node)[key]
        return {str(self._client.safe_currency_code(row[currency])): row.get(amount) for row in node}

    def _instrument(self, symbol: str) -> Instrument:
        if symbol not in self._client.markets:
            raise ConfigError(f"{self.name} lists no {symbol}")
        return instrument_of(self._client.market(symbol), self.name, self._client.precisionMode)

    def _market(self, symbol: str) -> Row:
        market = (self._client.markets or {}).get(symbol)
        if market is None:
            raise ExchangeUnavailable(f"{self.name} tells of {symbol}, which is in no list of its markets")
        found: Row = market
        return found

    def _is_ours(self, market: Row) -> bool:
        wanted = "spot" if self._kind is ContractKind.SPOT else "linear"
        return bool(market.get(wanted))


def _closed_by(row: Row, symbol: str, held: Sequence[VenuePosition]) -> Quantity | None:
    """What a stop would close: the whole of the position on the other side."""
    side = reading.side_of(row)
    return next((each.quantity for each in held if each.symbol == symbol and each.side is side.opposite), None)
