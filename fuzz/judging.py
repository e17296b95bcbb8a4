"""Shows a scene to the real rules: the frozen facts and the standing that they read."""

from core.orders import OrderState
from fuzz.scene import Scene, Working
from risk.facts import Activity, Conditions, Facts, Intent, OpenOrder, RecentOrder
from risk.states import Standing, TradingState


def facts_of(scene: Scene) -> Facts:
    return Facts(
        account_id=scene.account_id,
        numeraire=scene.numeraire,
        now_ns=scene.now_ns,
        equity=scene.equity,
        balances=scene.balances,
        reserved=scene.reserved,
        positions=tuple(scene.positions),
        orders=tuple(_open(order) for order in scene.working),
        recent=tuple(RecentOrder(*placed) for placed in scene.recent),
        quotes=scene.quotes,
        instruments=scene.instruments,
        intent=Intent(**scene.wish),
        conditions={scene.order.symbol: Conditions(**scene.market)},
        activity=Activity(**scene.counts),
        pegs=scene.pegs,
        portfolio_shortfall=scene.portfolio_shortfall,
        venue_status=scene.venue_status,
        restricted=scene.restricted,
        loop_lag_s=scene.loop_lag_s,
        reused_id=scene.reused_id,
    )


def standing_of(scene: Scene) -> Standing:
    return Standing(TradingState(scene.state), scene.caps)


def _open(order: Working) -> OpenOrder:
    return OpenOrder(
        proposal_id=order.proposal_id,
        owner=order.owner,
        symbol=order.symbol,
        side=order.side,
        remaining=order.remaining,
        worst_price=order.worst_price,
        reduce_only=order.reduce_only,
        state=OrderState.OPEN if order.rests else OrderState.UNKNOWN,
        protective=order.protective,
        limit_price=order.limit_price,
        trigger_price=order.trigger_price,
    )
