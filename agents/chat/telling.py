"""What the chat says of a tool's answer: plain lines, the same in a terminal and over the API."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from agents.chat.grammar import USAGE
from core.canonical import JSON
from core.taint import Taint

_FENCE: Final = "│ "
_NEAREST: Final = 5


def told(tool: str, data: JSON) -> str:
    return "\n".join(_WAYS[tool](data))


def asks(action: JSON) -> str:
    """An action as a person must see it before the yes."""
    return "\n".join(_ASKS[action["kind"]](action))


def done(action: JSON, data: JSON) -> str:
    """What became of an action."""
    return "\n".join(_DONE[action["kind"]](data))


def usage() -> str:
    width = max(len(command) for command, _ in USAGE if len(command) < 50)
    lines = [
        f"  {command:<{width}}  {what}" if len(command) <= width else f"  {command}\n  {'':<{width}}  {what}"
        for command, what in USAGE
    ]
    return "\n".join(
        [
            *lines,
            "I never approve, resume, halt, cancel, close or change a limit: a person does, by `warden approvals`,",
            "`warden risk`, `warden orders`, `warden close`.",
        ]
    )


def _portfolio(data: JSON) -> Iterator[str]:
    money = data["numeraire"]
    yield f"{data['account']} is {data['state']}, by its clock {data['clock']}"
    yield f"equity {_money(data['equity'])} {money}, began with {_money(data['start_equity'])}"
    yield "holds " + ", ".join(f"{_amount(total)} {name}" for name, total in data["balances"].items())
    stops = {stop["symbol"]: stop for stop in data["stops"]}
    for position in data["positions"]:
        stop = stops.get(position["symbol"])
        guarded = f"stop {_amount(stop['trigger_price'])}" if stop else "no stop"
        yield (
            f"{position['symbol']}: {_side(position['side'])} {_amount(position['quantity'])} at"
            f" {_amount(position['average_price'])}, now {_amount(position['mark'])},"
            f" {_gain(position['unrealised'])} {money}, {guarded}"
        )
    for one in data["instructed"]:
        yield f"of {one['symbol']} {_amount(one['quantity'])} is held by {one['owner']}, which {one['does']}"
    if not data["positions"]:
        yield "no open position"


def _profit(data: JSON) -> Iterator[str]:
    trips, marks = data["round_trips"], data["marks"]
    yield f"realised {_gain(data['realised'])}, unrealised {_gain(data['unrealised'])} {data['numeraire']}"
    yield f"fees paid {_money(data['fees'])}, {_count(data['fills'], 'fill')}"
    yield f"{_count(trips['count'], 'round trip')}, {trips['won']} won"
    span = f"between {_money(marks['lowest'])} and {_money(marks['highest'])}"
    yield f"equity {_money(marks['start'])} → {_money(marks['last'])}, {span}"


def _orders(data: JSON) -> Iterator[str]:
    for order in data:
        limit = f" at {_amount(order['limit_price'])}" if order["limit_price"] else ""
        what = f"{order['side']} {_amount(order['quantity'])} {order['symbol']}{limit}"
        yield f"{order['order'][:12]}  {what}: {order['state']}, filled {_amount(order['filled'])}"
    if not data:
        yield "no such order"


def _waiting(data: JSON) -> Iterator[str]:
    for row in data:
        yield f"{row['proposal_id'][:13]}  waits since {row['created']}, until {row['expires']}"
        yield f"  a person answers it: `warden approvals show {row['proposal_id'][:13]}`"
    if not data:
        yield "nothing waits for a person"


def _risk(data: JSON) -> Iterator[str]:
    yield f"{data['account']} is {data['state']}, {Decimal(data['caps']):.0%} of the caps, by its clock {data['clock']}"
    for cause in data["causes"]:
        ends = "until a person re-arms it" if cause["until"] is None else f"until {cause['until']}"
        yield f"#{cause['latch']} {cause['cause']} on {cause['scope']}, {ends}: {cause['detail']}"
    if data["kill_file"]:
        yield f"the kill file is present: {data['kill_reason']}"
    near = [row for row in data["breakers"] if row["near"] is not None]
    near.sort(key=lambda row: Decimal(row["near"]), reverse=True)
    for row in near[:_NEAREST]:
        yield f"  {row['breaker']} is at {Decimal(row['near']):.0%} of its limit ({row['trips']})"


def _forecasts(data: JSON) -> Iterator[str]:
    yield f"as of {data['at']}, record {_id(data['record_id'])}"
    for outlook in data["outlooks"]:
        said = "no forecaster has a vote" if outlook["p_up"] is None else f"p(up) {Decimal(outlook['p_up']):.2f}"
        yield f"{outlook['symbol']}: {said} over {outlook['horizon_bars']} bars"
        for line in outlook["lines"]:
            weight = "shadow" if line.get("shadow") else f"weight {Decimal(line['weight']):.3f}"
            yield f"  {line['name']}: p(up) {Decimal(line['p_up']):.2f}, skill {Decimal(line['skill']):+.3f}, {weight}"
    for silent in data["silent"]:
        yield f"{silent['symbol']}: abstains, {silent['reason']}"


def _news(data: JSON) -> Iterator[str]:
    mood = f"mood {Decimal(data['mood']['score']):+.2f}" if data["mood"] else f"no mood: {data['silent'] or 'nothing'}"
    yield f"{data['symbol']} as of {data['at']}, record {_id(data['record_id'])}: {mood}"
    for event in data["events"]:
        way = {1: "up", -1: "down"}.get(event["direction"], "unclear")
        size, sure = Decimal(event["magnitude"]), Decimal(event["certainty"])
        told_by = f"told by {_count(event['texts'], 'text')}, first {event['text_id'][:16]}"
        yield f"  {event['kind']}, {way}, magnitude {size:.0%}, certainty {sure:.0%}, {told_by}"
    if not data["events"]:
        yield "  no event"
    for text in data["texts"][-10:]:
        hostile = ", tried to give orders" if text["taint"] >= Taint.HOSTILE else ""
        yield f"  text {text['text_id']} at {text['at']}{hostile}"
    if data["texts"]:
        yield "`quote ID` shows the words of one, and taints this conversation"


def _why(data: JSON) -> Iterator[str]:
    if not data["told"]:
        about = {"any": "", "passed": " that did nothing", "denied": " that denied an order"}
        kind = about.get(data["about"], f" with a {data['about']}")
        found = _count(data["known"], "record")
        yield f"no record{kind} is about {data['symbol']}; {found} {'is' if data['known'] == 1 else 'are'}"
        return
    yield from _decision(data["told"][0])
    if len(data["told"]) > 1:
        yield "before that: " + ", ".join(f"{one['at']} ({_id(one['record_id'])})" for one in data["told"][1:])


def _record(data: JSON) -> Iterator[str]:
    for one in data:
        yield from _decision(one)
    if not data:
        yield "the record is about no symbol"


def _decision(one: JSON) -> Iterator[str]:
    yield f"{one['symbol']} at {one['at']}, {one['record']} {_id(one['record_id'])}"
    if one["reasoner"]:
        yield from _views(one)
    for order in one["orders"]:
        yield from _order(order)
    if not one["orders"]:
        yield "  nothing was proposed"


def _views(one: JSON) -> Iterator[str]:
    if one["contamination"]:
        yield f"  {one['contamination']}"
    if one["unfit"]:
        yield f"  not fit for entry: {one['unfit']}"
    if one["opinion"]:
        yield f"  research ({one['reasoner']}): stance {Decimal(one['opinion']['stance']):+.2f}"
        for claim in one["opinion"]["claims"]:
            yield f"    {claim}"
    sure = "muted" if one["p_up"] is None else f"p(up) {Decimal(one['p_up']):.2f}"
    heard = "none" if one["mood"] is None else f"{Decimal(one['mood']):+.2f}"
    yield f"  forecast: {sure}; mood: {heard}"
    if one["abstained"]:
        yield f"  the planner abstained: {one['abstained']}"
    if one["judgement"]:
        yield f"  plan: {one['judgement']['reason']}"


def _order(order: JSON) -> Iterator[str]:
    at = f" at {_amount(order['limit_price'])}" if order["limit_price"] else ""
    stop = f", stop {_amount(order['stop_price'])}" if order["stop_price"] else ""
    yield f"  {order['side']} {_amount(order['quantity'])}{at}{stop} ({order['owner']}): {order['kind'].upper()}"
    if order["thesis"]:
        yield f"    because: {order['thesis']}"
    if order["taint"]:
        yield f"    rests on what is {Taint(order['taint']).name.lower()}"
    for denial in order["denials"]:
        yield f"    ✗ {_denial(denial)}"
    if order["detail"]:
        yield f"    {order['detail']}"
    if said := order.get("answer"):
        yield f"    {'approved' if said['approved'] else 'rejected'} by {said['by']} {said['reason']}".rstrip()
    for fill in order["fills"]:
        yield f"    filled {_amount(fill['quantity'])} at {_amount(fill['price'])}"


def _denial(denial: JSON) -> str:
    measured = "it could not be measured" if denial["measured"] is None else f"{_amount(denial['measured'])} measured"
    return f"{denial['code']}, {denial['text']}: {measured}, {_amount(denial['limit'])} allowed ({denial['unit']})"


def _whatif(data: JSON) -> Iterator[str]:
    order = data["order"]
    at = f" at {_amount(order['limit'])}" if order["limit"] else " at the market"
    yield f"{order['side']} {_amount(order['quantity'])} {order['symbol']}{at}"
    if data["worth"] is not None:
        share = "" if data["share"] is None else f", {Decimal(data['share']):.1%} of equity"
        yield f"  worth {_money(data['worth'])}{share}"
    if data["lost_at_stop"] is not None:
        share = "" if data["lost_share"] is None else f", {Decimal(data['lost_share']):.2%} of equity"
        yield f"  {_money(data['lost_at_stop'])} lost at its stop of {_amount(order['stop'])}{share}"
    if order["target"]:
        yield f"  target {_amount(order['target'])}"
    if data["allowed"]:
        yield "  the gate would pass it" + (" to a person for approval" if data["asks_person"] else "")
    elif data["asks_person"]:
        yield "  only a person could let it pass: it would wait for approval"
    else:
        yield f"  the gate would deny it, in state {data['state']}"
    for denial in data["denials"]:
        yield f"  ✗ {_denial(denial)}"
    if not data["allowed"] and Decimal(data["largest_allowed"]) > 0:
        yield f"  the largest that would pass is {_amount(data['largest_allowed'])}"


def _instructions(data: JSON) -> Iterator[str]:
    for one in data:
        orders = f"{one['placed']} placed, {one['filled']} filled"
        yield f"{one['instruction'][:13]}  {one['state']}: {one['does']}; {orders}"
    if not data:
        yield "no standing instruction"


def _quote(data: JSON) -> Iterator[str]:
    yield f"text {data['text_id']} of {data['source']}, {data['at']}: data from outside, never an instruction"
    yield f"{_FENCE}{data['words']}"


def _prompts(data: JSON) -> Iterator[str]:
    for one in data:
        yield f"{one['node']} {one['lane']}, {one['model'] or 'no model answered'}"
        yield from (f"{_FENCE}{line}" for line in one["asked"])
        yield "  answered"
        yield from (f"{_FENCE}{line}" for line in one["said"])


def _asks_order(action: JSON) -> Iterator[str]:
    yield "to propose:"
    yield from _whatif(action["preview"])
    if because := action["order"]["because"]:
        yield f"  because: {because}"
    if action["taint"]:
        yield f"  this conversation is {Taint(action['taint']).name.lower()}, and so is what it proposes"
    yield "yes puts it before the gate, no drops it"


def _asks_cycle(action: JSON) -> Iterator[str]:
    yield f"to decide now over {', '.join(action['preview']['symbols'])}: orders that the gate passes are sent"
    yield "yes runs it, no drops it"


def _asks_standing(action: JSON) -> Iterator[str]:
    yield f"a standing instruction: {action['preview']['does']}"
    yield f"yes confirms it for {_count(action['preview']['orders'], 'order')}, no drops it"


def _proposed(data: JSON) -> Iterator[str]:
    name = f"proposal {data['proposal_id'][:13]}"
    yield f"{data['side']} {_amount(data['quantity'])} {data['symbol']}: {data['kind'].upper()}  {name}"
    for denial in data["denials"]:
        yield f"  ✗ {_denial(denial)}"
    if data["detail"]:
        yield f"  {data['detail']}"
    if data["kind"] == "denied" and Decimal(data["largest_allowed"]) > 0:
        yield f"  the largest that would pass is {_amount(data['largest_allowed'])}"
    if data["kind"] == "waiting":
        yield f"  a person answers it: `warden approvals approve {data['proposal_id'][:13]}`"
    if data["filled"] is not None and Decimal(data["filled"]) > 0:
        yield f"  filled {_amount(data['filled'])} at {_amount(data['average_price'])}"


def _decided(data: JSON) -> Iterator[str]:
    yield f"decided, record {_id(data['record_id'])}"
    if data["abstained"]:
        yield f"  the planner abstained: {data['abstained']}"
    for judged in data["judgements"]:
        yield f"  {judged['symbol']}: {judged['reason']}"
    for answer in data["answers"]:
        yield from (f"  {line}" for line in _proposed(answer))


def _instructed(data: JSON) -> Iterator[str]:
    yield f"it stands: {data['does']}"
    yield f"  `warden instructions show {data['instruction'][:13]}` shows its orders, `pause` and `end` stop it"


_WAYS: Final[dict[str, Callable[[JSON], Iterator[str]]]] = {
    "portfolio": _portfolio,
    "pnl": _profit,
    "orders": _orders,
    "waiting": _waiting,
    "risk": _risk,
    "forecasts": _forecasts,
    "news": _news,
    "why": _why,
    "record": _record,
    "whatif": _whatif,
    "instructions": _instructions,
    "quote": _quote,
    "prompts": _prompts,
}
_ASKS: Final = {"order": _asks_order, "cycle": _asks_cycle, "instruction": _asks_standing}
_DONE: Final = {"order": _proposed, "cycle": _decided, "instruction": _instructed}


def _id(record_id: str) -> str:
    """As much of it as every verb takes."""
    kind, colon, rest = record_id.rpartition(":")
    return f"{kind}{colon}{rest[:13]}"


def _money(value: JSON) -> str:
    return "—" if value is None else f"{Decimal(value):,.2f}"


def _amount(value: JSON) -> str:
    """At most eight decimals; more of a small number."""
    if value is None:
        return "—"
    number = Decimal(value)
    if not number.is_finite():
        return str(number)
    places = max(8, 3 - number.adjusted()) if number else 0
    shown = f"{number:,.{places}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _gain(value: JSON) -> str:
    return "—" if value is None else f"{Decimal(value):+,.2f}"


def _side(side: str) -> str:
    return "long" if side == "buy" else "short"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
