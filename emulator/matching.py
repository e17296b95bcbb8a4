"""How orders meet: with strangers, with each other, and with the price that a stop order waits for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from core.money import ZERO
from core.orders import Side, TimeInForce
from emulator.accounts import Account, Event, OrderChange
from emulator.checks import checked, crosses
from emulator.clock import VenueClock
from emulator.market import Market, PublicTrade
from emulator.money import MarginMoney, Money, SpotMoney, money_of
from emulator.orders import Cause, Fate, Fill, Refusal, Request, SelfTrade, Status, VenueOrder, lots

_FIRST_ID = 1_000_000


@dataclass(frozen=True, slots=True)
class Doom:
    """An order that will be gone at `due_ms`."""

    due_ms: int
    account: Account
    order: VenueOrder
    status: Status


class Matching:
    """One order's way through a market. `tell` hears each change as it happens."""

    def __init__(self, clock: VenueClock, accounts: Mapping[str, Account], tell: Callable[[Event], None]) -> None:
        self._clock = clock
        self._accounts = accounts
        self._tell = tell
        self._spot, self._margin = SpotMoney(), MarginMoney()
        self.newest = _FIRST_ID  # the number of the order that was accepted last
        self.doomed: list[Doom] = []

    def accept(self, account: Account, market: Market, request: Request, fate: Fate | None) -> VenueOrder:
        """Check, match what can be matched, rest what may rest. Raises `Refusal` and changes nothing."""
        if account.frozen or not account.may.trade:
            raise Refusal(Cause.FROZEN)
        others = account.open_orders(contracts=":" in request.symbol)
        if any(order.client_id == request.client_id for order in others):
            raise Refusal(Cause.DUPLICATE, request.client_id)
        quantity = checked(market, request)
        order = self._new(market, request, quantity)
        self._money(market).afford(account, market, order, self._cost_now(market, request.side, quantity))
        self.newest = order.order_id
        account.orders[order.order_id] = account.open[order.order_id] = order
        self._money(market).hold(account, market, order, order.quantity)
        self._changed(account, order)
        if fate is not None:
            self._hold_back(account, market, order, fate)
        elif not order.waiting:
            self._work(account, market, order)
        return order

    def close(self, account: Account, market: Market, order: VenueOrder, status: Status) -> None:
        """Take an open order off the book and give its money back."""
        self._money(market).hold(account, market, order, -order.remaining)
        order.status = status
        account.open.pop(order.order_id, None)
        self._show(market, order)
        order.updated_ms = self._clock.now_ms()
        self._changed(account, order)

    def match_resting(self, market: Market, step_ms: int) -> None:
        """The market moved: stops trigger, and resting orders fill at their own price as far as strangers offer."""
        # The best strangers as the step begins: what does not reach them needs no look at the book.
        touch = {Side.BUY: market.best_ask, Side.SELL: market.best_bid}
        for account in list(self._accounts.values()):
            for order in account.open_orders(market.symbol):
                if not order.status.open or order.held:  # an earlier one's fill may have closed it
                    continue
                if order.waiting:
                    if order.trigger is not None and order.trigger.met(market.last):
                        self._trigger(account, market, order)
                elif order.reduce_only or _reaches(order, touch[order.side]):
                    self._fill_resting(account, market, order, step_ms)

    def force(self, account: Account, market: Market, request: Request, price: Decimal) -> VenueOrder:
        """An order of the venue itself, filled whole at a price: a liquidation."""
        order = self._new(market, request, request.quantity or ZERO)
        self.newest = order.order_id
        account.orders[order.order_id] = account.open[order.order_id] = order
        self._changed(account, order)
        ticks = int(price / market.listing.instrument.tick_size)
        trade = market.printed(
            self._clock.now_ms(), ticks, lots(order.quantity, market.listing.instrument.lot_size), order.side
        )
        self._tell(trade)
        self._fill(account, market, order, trade, price, maker=False)
        return order

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _money(self, market: Market) -> Money:
        return money_of(market, self._spot, self._margin)

    def _new(self, market: Market, request: Request, quantity: Decimal) -> VenueOrder:
        now, limit = self._clock.now_ms(), request.limit_price
        return VenueOrder(
            order_id=self.newest + 1,
            client_id=request.client_id,
            symbol=request.symbol,
            side=request.side,
            quantity=quantity,
            limit_price=request.limit_price,
            time_in_force=request.time_in_force,
            post_only=request.post_only,
            created_ms=now,
            updated_ms=now,
            trigger=request.trigger,
            display=request.display,
            reduce_only=request.reduce_only,
            self_trade=request.self_trade,
            fee_in_quote=request.fee_in_quote,
            ticks=None if limit is None else int(limit / market.listing.instrument.tick_size),
        )

    @staticmethod
    def _cost_now(market: Market, side: Side, quantity: Decimal) -> Decimal:
        """What a market order would cost, level by level."""
        left, cost = lots(quantity, market.listing.instrument.lot_size), ZERO
        levels = market.side(side.opposite).strangers
        for ticks in sorted(levels, reverse=side is Side.SELL):
            part = min(left, levels[ticks])
            cost += market.price(ticks) * market.quantity(part)
            left -= part
            if not left:
                break
        return cost

    def _work(self, account: Account, market: Market, order: VenueOrder) -> None:
        """An order reaches the book: it takes, then rests or expires."""
        if order.limit_price is not None and order.post_only and crosses(market, order.side, order.limit_price):
            self.close(account, market, order, Status.EXPIRED)  # a stop-limit that was triggered into the other side
            return
        wanted = self._allowed(account, market, order)
        enough = order.time_in_force is not TimeInForce.FOK or self._on_offer(account, market, order) >= wanted
        if enough:
            self._take(account, market, order, wanted)
        if not order.status.open:
            return
        if order.limit_price is None or order.time_in_force is not TimeInForce.GTC:
            self.close(account, market, order, Status.EXPIRED)
        else:
            self._show(market, order)

    def _allowed(self, account: Account, market: Market, order: VenueOrder) -> int:
        """Lots that it may still fill: a reduce-only order no more than the position has."""
        left = order.remaining
        if order.reduce_only:
            position = account.futures.position(order.symbol).quantity
            left = min(left, abs(position)) if position * order.side.sign < 0 else ZERO
        return lots(left, market.listing.instrument.lot_size)

    def _on_offer(self, account: Account, market: Market, order: VenueOrder) -> int:
        """Lots that others offer no worse than its limit."""
        worst, sign = order.ticks, order.side.sign
        levels = market.side(order.side.opposite).strangers
        strangers = sum(n for ticks, n in levels.items() if worst is None or sign * ticks <= sign * worst)
        lot = market.listing.instrument.lot_size
        makers = self._makers(market, order, worst)
        return strangers + sum(lots(maker.remaining, lot) for who, maker in makers if who is not account)

    def _makers(self, market: Market, order: VenueOrder, worst: int | None) -> list[tuple[Account, VenueOrder]]:
        """Resting orders of all accounts on the other side, best price first, then oldest."""
        sign, levels = order.side.sign, market.side(order.side.opposite).accounts
        if not levels or (worst is not None and min(sign * ticks for ticks in levels) > sign * worst):
            return []
        found = []
        for account in self._accounts.values():
            for resting in account.open_orders(market.symbol):
                ticks = resting.ticks
                if resting.side is order.side or not resting.shown or ticks is None:
                    continue
                if worst is None or sign * ticks <= sign * worst:
                    found.append((sign * ticks, resting.order_id, account, resting))
        return [(account, resting) for _, _, account, resting in sorted(found, key=lambda row: row[:2])]

    def _take(self, account: Account, market: Market, order: VenueOrder, wanted: int) -> None:
        worst, left = order.ticks, wanted
        for maker_account, maker in self._makers(market, order, worst):
            ticks = maker.ticks
            left -= self._take_strangers(account, market, order, left, ticks)
            if not left or not order.status.open:
                return
            if maker_account is account and order.self_trade is not SelfTrade.NONE:
                if order.self_trade in (SelfTrade.MAKER, SelfTrade.BOTH):
                    self.close(account, market, maker, Status.PREVENTED)
                if order.self_trade in (SelfTrade.TAKER, SelfTrade.BOTH):
                    self.close(account, market, order, Status.PREVENTED)
                    return
            else:
                left -= self._trade(market, (account, order), (maker_account, maker), left)
        if left:
            self._take_strangers(account, market, order, left, worst)

    def _take_strangers(
        self, account: Account, market: Market, order: VenueOrder, wanted: int, worst: int | None
    ) -> int:
        now, taken = self._clock.now_ms(), 0
        for ticks, part in market.take(order.side, wanted, worst):
            trade = market.printed(now, ticks, part, order.side)
            self._tell(trade)
            self._fill(account, market, order, trade, market.price(ticks), maker=False)
            taken += part
        return taken

    def _trade(
        self, market: Market, taker: tuple[Account, VenueOrder], maker: tuple[Account, VenueOrder], wanted: int
    ) -> int:
        """Two accounts of this venue meet, at the price of the one who was there first."""
        part, price = min(wanted, self._allowed(*_with(market, maker))), maker[1].limit_price or ZERO
        if not part:
            return 0
        ticks = int(price / market.listing.instrument.tick_size)
        trade = market.printed(self._clock.now_ms(), ticks, part, taker[1].side)
        self._tell(trade)
        self._fill(*_with(market, maker), trade, price, maker=True)
        self._fill(*_with(market, taker), trade, price, maker=False)
        self._show(market, maker[1])
        return part

    def _hold_back(self, account: Account, market: Market, order: VenueOrder, fate: Fate) -> None:
        order.held = True
        part = int(fate.share * lots(order.quantity, market.listing.instrument.lot_size))
        limit = order.limit_price
        if part and (limit is None or crosses(market, order.side, limit)):
            self._take_strangers(account, market, order, part, order.ticks)
        elif part and limit is not None:
            ticks = order.ticks or 0
            trade = market.printed(self._clock.now_ms(), ticks, part, order.side.opposite)
            self._tell(trade)
            self._fill(account, market, order, trade, limit, maker=True)
        self.doomed.append(Doom(self._clock.now_ms() + fate.ms, account, order, fate.status))

    def _trigger(self, account: Account, market: Market, order: VenueOrder) -> None:
        """A stop order becomes what it is without its trigger; one that cannot be paid for any more expires."""
        money = self._money(market)
        if order.limit_price is None:
            money.hold(account, market, order, -order.remaining)
        order.triggered = True
        order.updated_ms = self._clock.now_ms()
        if order.limit_price is None:
            try:
                money.afford(account, market, order, self._cost_now(market, order.side, order.quantity))
            except Refusal:
                self.close(account, market, order, Status.EXPIRED)
                return
        self._changed(account, order)
        self._work(account, market, order)

    def _fill_resting(self, account: Account, market: Market, order: VenueOrder, step_ms: int) -> None:
        limit, stamp = order.ticks or 0, self._clock.stamp(step_ms)
        wanted = self._allowed(account, market, order)
        if not wanted:
            self.close(account, market, order, Status.EXPIRED)  # reduce-only, and nothing is left to reduce
            return
        for _, part in market.take(order.side, wanted, limit):
            trade = market.printed(stamp, limit, part, order.side.opposite)
            self._tell(trade)
            self._fill(account, market, order, trade, order.limit_price or ZERO, maker=True)
        self._show(market, order)

    def _fill(
        self, account: Account, market: Market, order: VenueOrder, trade: PublicTrade, price: Decimal, *, maker: bool
    ) -> None:
        money, quantity = self._money(market), market.quantity(trade.lots)
        money.hold(account, market, order, -quantity)
        fee, currency, realized = money.settle(account, market, order, trade, price, maker=maker)
        fill = Fill(trade.trade_id, order.order_id, trade.ts_ms, price, quantity, fee, currency, maker, realized)
        order.fills.append(fill)
        order.status = Status.FILLED if order.remaining == 0 else Status.PARTIAL
        order.updated_ms = trade.ts_ms
        if order.status is Status.FILLED:
            account.open.pop(order.order_id, None)
        self._changed(account, order, fill)

    def _show(self, market: Market, order: VenueOrder) -> None:
        """Bring the book to what of this order should be in it."""
        due = 0
        if order.status.open and not order.held and not order.waiting and order.limit_price is not None:
            shown = order.remaining if order.display is None else min(order.remaining, order.display)
            due = lots(shown, market.listing.instrument.lot_size)
        if due != order.shown:
            market.side(order.side).rest(order.ticks or 0, due - order.shown)
            order.shown = due

    def _changed(self, account: Account, order: VenueOrder, fill: Fill | None = None) -> None:
        snapshot = replace(order, fills=list(order.fills))
        self._tell(OrderChange(account, snapshot, fill, fill.ts_ms if fill else order.updated_ms))


def _reaches(order: VenueOrder, touch: int) -> bool:
    return order.ticks is not None and order.side.sign * order.ticks >= order.side.sign * touch


def _with(market: Market, owned: tuple[Account, VenueOrder]) -> tuple[Account, Market, VenueOrder]:
    return owned[0], market, owned[1]
