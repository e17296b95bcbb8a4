"""Shows one cycle as a story: what the agents saw and said, the plan, the verdicts, the fills, the account."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from agents.contamination import doubt
from api.cli import words
from api.cli.console import console
from core.canonical import JSON
from core.money import ZERO
from core.time import show_time
from risk.codes import text_for
from risk.rules import RULES

_NEVER_WRAPPED = frozenset(
    {"now", "trips", "sets", "id", "as of", "at", "last", "price", "quantity", "expires by its clock"}
)
_NEAREST = 12  # verdicts that a person is shown beside the denials
_ORIGINS = {"order": "", "stop": " (stop)", "liquidation": " (liquidation)", "outside": " (not ours)"}
_FLOORS = {rule.code for rule in RULES if rule.floor}


def one_cycle(record: JSON, report: JSON) -> None:
    """The whole cycle, then how the run stands."""
    if record is None or record["body"] is None:
        many_cycles(report)
        return
    _candles(report)
    decision(record)
    _account(record["body"], report)
    _proof(record["record_hash"], report)


def _candles(report: JSON) -> None:
    if not report["candles"]:
        return
    shown = table("candles", "bars", "gaps", "missing", "longest gap", "without volume")
    for file in report["candles"]:
        bars = f"{file['bars']:,} of {file['timeframe']}"
        lacks = (str(file["gaps"]), str(file["missing_bars"]), str(file["longest_gap"]), str(file["zero_volume_bars"]))
        shown.add_row(file["symbol"], bars, *lacks)
    console.print(shown)
    if any(file["gaps"] for file in report["candles"]):
        console.print("gaps are left open: no price is invented for them", style="dim")
    for file in report["candles"]:
        if file["corrected"]:
            console.print(f"{file['symbol']} corrected and counted: {_kinds(file['corrected'])}", style="yellow")


def decision(record: JSON) -> None:
    """What was seen, said, planned, judged and filled."""
    body = record["body"]
    _title(body)
    _seen(body)
    _research(body)
    _sentiment(body)
    _forecast(body)
    _plan(body)
    for answer in body["answers"]:
        judged(answer)
    _fills(record["fills"])


def many_cycles(report: JSON) -> None:
    """A run in numbers."""
    _candles(report)
    shown = table("", "")
    shown.show_header = False
    shown.add_row("cycles", f"{report['cycles']} of {report['planned']}")
    shown.add_row("contaminated", words.contaminated(report["contamination"]))
    shown.add_row("proposals", str(report["proposals"]))
    shown.add_row("answers", _counts(report["answers"]))
    shown.add_row("denied by", _counts(report["denied_by"]))
    shown.add_row("stops fired", str(report["stops_fired"]))
    shown.add_row("fills", str(len(report["fills"])))
    liquidated = [fill["symbol"] for fill in report["fills"] if fill["origin"] == "liquidation"]
    if liquidated:
        shown.add_row("liquidated", Text(", ".join(liquidated), style="bold red"))
    equity = report["equity"]
    shown.add_row(
        "equity", Text.assemble(f"{words.money(equity['start'])} → {words.money(equity['last'])}  ", _change(equity))
    )
    shown.add_row("lowest, highest", f"{words.money(equity['lowest'])}, {words.money(equity['highest'])}")
    title = "[bold]Run, masked" if report["masked"] else "[bold]Run"
    console.print(Panel(shown, title=title, title_align="left", box=box.ROUNDED, expand=False))
    _proof(None, report)


def replayed(report: JSON) -> None:
    steps = report["steps"]
    different = next((s for s in steps if s["difference"]), None)
    for step in steps:
        if step["difference"] or not step["name"].startswith("review of"):
            mark = Text("✗ ", style="bold red") if step["difference"] else Text("✓ ", style="green")
            console.print(Text.assemble(mark, step["name"], (f"  {step['difference'] or ''}", "red")))
    rules = sum(s["name"].startswith("review of") and not s["difference"] for s in steps)
    console.print(f"[green]✓[/] {rules} verdicts of the risk officer came out the same")
    if different is None:
        console.print(f"[bold green]replayed:[/] the same record hash {words.short(report['record_hash'])}")
    else:
        console.print(f"[bold red]first difference:[/] {escape(different['name'])}: {escape(different['difference'])}")


def verdicts(listed: Iterable[JSON]) -> Table:
    """What denied, and what came nearest to it; the rest by number. `--json` has every rule."""
    ranked = sorted(listed, key=lambda v: (v["outcome"] != "denied", -_used(v)))
    told = [v for i, v in enumerate(ranked) if v["outcome"] == "denied" or i < _NEAREST]
    shown = table("rule", "measured", "", "limit", "", "largest allowed")
    shown.caption = f"{len(ranked)} rules, {len(ranked) - len(told)} more are further from their limit"
    shown.caption_justify = "left"
    for verdict in told:
        denied = verdict["outcome"] == "denied"
        style = "bold red" if denied else "dim" if verdict["outcome"] == "exempt" else ""
        largest = verdict["largest"] if denied else None
        shown.add_row(
            Text(verdict["code"], style=style),
            words.measured(verdict["measured"], verdict["unit"]) if not verdict.get("alarm") else "the rule broke",
            "≥" if verdict["code"] in _FLOORS else "≤",
            words.measured(verdict["limit"], verdict["unit"]),
            words.outcome(verdict["outcome"]),
            "" if largest is None else f"{Decimal(largest):.8f}".rstrip("0").rstrip("."),
        )
    return shown


def _used(verdict: JSON) -> Decimal:
    """How much of its limit a verdict uses: 1 is all of it, 0 where a share says nothing."""
    if verdict["measured"] is None:
        return Decimal("Infinity")
    measured, limit = Decimal(verdict["measured"]), Decimal(verdict["limit"])
    if verdict["code"] in _FLOORS:
        measured, limit = limit, measured
    return measured / limit if limit > 0 else ZERO


def _title(body: JSON) -> None:
    line = f"{', '.join(body['symbols'])}   as of {show_time(body['as_of_ns'])}   {body['timeframe']} bars"
    who = f"reasoner {body['reasoner']}   account {body['account']}   policy {words.short(body['policy'])}"
    console.print(Panel(f"[bold]{line}[/]\n[dim]{who}", title="[bold]Decision cycle", title_align="left", expand=False))
    if body.get("masked"):
        note = "masked: its models saw no symbol, date or price scale; prices in their words count from 100"
        console.print(Text(note, style="dim"))
    if (doubted := doubt(body)) is not None:
        console.print(Text(doubted, style="yellow"))


def _seen(body: JSON) -> None:
    shown = table("observe", "last", "spread", "overdue", "bars", "texts", "fit for entry")
    for symbol, seen in body["snapshot"]["markets"].items():
        shown.add_row(
            symbol,
            words.price(seen["last"]),
            "—" if seen["spread_bps"] is None else f"{Decimal(seen['spread_bps']):.1f} bps",
            "—" if seen["overdue_s"] is None else f"{Decimal(seen['overdue_s']):.0f} s",
            f"{seen['bars']}" + (f" ({seen['missing_bars']} missing)" if seen["missing_bars"] else ""),
            str(len(seen["texts"])),
            Text("yes", style="green") if seen["unfit"] is None else Text(seen["unfit"], style="yellow"),
        )
    console.print(shown)


def _research(body: JSON) -> None:
    shown = table("research", "stance", "because")
    for opinion in body["research"]["opinions"]:
        claims = "; ".join(claim["text"] for claim in opinion["claims"])
        shown.add_row(opinion["symbol"], words.stance(opinion["stance"]), claims)
    _abstained(shown, body["research"], 1)
    console.print(shown)


def _sentiment(body: JSON) -> None:
    shown = table("sentiment", "score", "from")
    for mood in body["sentiment"]["moods"]:
        scorer = mood["scorer"] + (", standing in" if mood["fallback"] else "")
        told = f"{mood['texts']} texts worth {Decimal(mood['effective']):.1f} fresh ones ({scorer})"
        shown.add_row(mood["symbol"], words.stance(mood["score"]), told)
        for text in body["snapshot"]["markets"][mood["symbol"]]["texts"][-2:]:
            # A text is data from outside: shown without markup, and never more of it than a line.
            headline = Text(text["headline"], style="italic dim", overflow="ellipsis", no_wrap=True)
            shown.add_row("", "", headline)
    _abstained(shown, body["sentiment"], 2)
    console.print(shown)


def _forecast(body: JSON) -> None:
    shown = table("forecast", "forecaster", "p(up)", "over", "Brier", "naive", "skill", "vote")
    for outlook in body["forecast"]["outlooks"]:
        for line in outlook["lines"]:
            weight = Decimal(line["weight"])
            shown.add_row(
                outlook["symbol"],
                line["name"],
                f"{Decimal(line['p_up']):.2f}",
                f"{line['n']} {line.get('regime', 'any')}",  # records of schema 4 and before name no regime
                f"{Decimal(line['brier']):.3f}",
                f"{Decimal(line['baseline_brier']):.3f}",
                f"{Decimal(line['skill']):+.3f}",
                _vote(weight, shadow=line.get("shadow", False)),
            )
        for silent in outlook["silent"]:
            shown.add_row(silent["symbol"], Text(f"abstains: {silent['reason']}", style="dim"))
    _abstained(shown, body["forecast"], 6)
    console.print(shown)


def _vote(weight: Decimal, *, shadow: bool) -> Text:
    if shadow:
        return Text("shadow", style="dim")
    return Text("muted", style="dim") if weight == 0 else Text(f"{weight:.3f}", style="green")


def _plan(body: JSON) -> None:
    for plan in body["plans"]:
        if plan["abstained"] is not None:
            console.print(Text(f"plan: abstains, {plan['abstained']}", style="yellow"))
        if not (plan["orders"] or plan["judgements"]):
            continue
        shown = table("plan" if plan["revision"] == 0 else "revised plan", "stance", "decision")
        for judged in plan["judgements"]:
            shown.add_row(judged["symbol"], words.stance(judged["stance"]), judged["reason"])
        for order in plan["orders"]:
            stop = f", stop {words.price(order['stop_price'])}" if order["stop_price"] else ""
            told = f"{wanted(order)}{stop}, on {len(order['evidence'])} pieces of evidence"
            shown.add_row(order["symbol"], Text("→ propose", style="bold"), told)
        console.print(shown)


def judged(answer: JSON) -> None:
    order = answer["proposal"]["order"]
    head = Text.assemble(
        ("Risk officer  ", "bold"), wanted(order), f" {order['symbol']}", "  ", words.answer(answer["kind"])
    )
    if answer["reducing"]:
        head.append("  proven to reduce: only the rules that bind exits hold it", style="dim")
    denied = [v for v in answer["verdicts"] if v["outcome"] == "denied"]
    console.print(Panel(verdicts(answer["verdicts"]), title=head, title_align="left", box=box.ROUNDED, expand=False))
    for verdict in denied:
        console.print(Text.assemble(("  ✗ ", "bold red"), f"{text_for(verdict['code'])}: ", _beside(verdict)))
    if answer["detail"]:
        console.print(Text(f"  {answer['detail']}", style="yellow"))
    if answer.get("route"):
        _routed(answer["route"], answer["parts"])


def _routed(route: JSON, parts: list[JSON]) -> None:
    """What each venue got of an order that several could take, and why."""
    shown = table("venue", "quantity", "alone", "answer")
    told = {
        part["venue"]: (part["proposal"]["order"]["quantity"], answer)
        for part, answer in zip(route["parts"], parts, strict=True)
    }
    for venue in sorted({*told, *route["alone"], *route["left_out"]}):
        quantity, answer = told.get(venue, ("", None))
        alone = route["alone"].get(venue)
        said = words.answer(answer["kind"]) if answer else Text(route["left_out"].get(venue, ""), style="dim")
        shown.add_row(venue, quantity, words.money(alone) if alone else "", said)
    shown.caption = f"{route['reason']}; saves {words.money(route['saved'])}"
    shown.caption_justify = "left"
    console.print(shown)


def _beside(verdict: JSON) -> str:
    limit = words.measured(verdict["limit"], verdict["unit"])
    return f"{words.measured(verdict['measured'], verdict['unit'])} measured, {limit} allowed"


def _fills(fills: list[JSON]) -> None:
    if not fills:
        console.print(Text("no fills", style="dim"))
        return
    shown = table("fill", "side", "quantity", "price", "fee", "at")
    for fill in fills:
        shown.add_row(
            fill["symbol"],
            fill["side"] + _ORIGINS[fill["origin"]],
            fill["quantity"],
            words.price(fill["price"]),
            f"{words.fee(fill['fee'], fill['fee_currency'])} {'maker' if fill['maker'] else 'taker'}",
            show_time(fill["ts_event_ns"]),
        )
    console.print(shown)


def _account(body: JSON, report: JSON) -> None:
    before, after = body["snapshot"]["account"], report["account_after"]
    shown = table("account", "before", "after")
    shown.add_row("equity", words.money(before["equity"]), words.money(after["equity"]))
    shown.add_row("cash", words.money(before["cash"]), words.money(after["balances"].get(before["numeraire"])))
    held = {p["symbol"]: p for p in before["positions"]}
    now = {p["symbol"]: p for p in after["positions"]}
    for symbol in sorted({*held, *now}):
        shown.add_row(symbol, _held(held.get(symbol)), _held(now.get(symbol)))
    shown.add_row("risk state", before["state"], after["state"])
    console.print(shown)


def _held(position: JSON) -> str:
    return "—" if position is None else f"{position['quantity']} at {words.average(position['average_price'])}"


def _proof(record_hash: str | None, report: JSON) -> None:
    journal = report["journal"]
    if journal["ok"]:
        console.print(f"[bold green]✓ journal verified[/] {words.count(journal['entries'], 'entry')}, one chain")
    else:
        console.print(f"[bold red]✗ journal broken at {escape(journal['broken'])}[/]: {escape(journal['problem'])}")
    if record_hash is not None:
        console.print(f"  record {record_hash}")
    console.print(f"  run    {report['digest']}")
    console.print(f"  account {report['account']}", style="dim")
    if report["reported"]:
        console.print("  this run had finished before; shown from the books (--again 1 makes another)", style="dim")
    elif report["resumed"] and not report["halted"]:
        console.print("  this run was interrupted before and has now gone on to its end", style="dim")
    if report["halted"]:
        console.print(f"[bold red]halted[/] {escape(report['halted'])}")


def wanted(order: JSON) -> str:
    at = f" at {order['limit_price']}" if order["limit_price"] else ""
    worked = f", {words.plan(order['execution'])}" if order.get("execution") else ""
    return f"{order['side']} {order['quantity']} {order['type']}{at}{worked}"


def _abstained(shown: Table, view: JSON, columns: int) -> None:
    for abstention in view["abstentions"]:
        blank = [""] * (columns - 1)
        shown.add_row(abstention["symbol"], Text(f"abstains: {abstention['reason']}", style="dim"), *blank)


def _change(equity: JSON) -> Text:
    change = Decimal(equity["last"]) / Decimal(equity["start"]) - 1
    return Text(f"{change:+.2%}", style="green" if change >= 0 else "red")


def _kinds(counted: JSON) -> str:
    return ", ".join(f"{kind} {n:,}" for kind, n in counted.items())


def _counts(counted: JSON) -> str:
    return ", ".join(f"{n} {name}" for name, n in counted.items()) or "none"


class _Table(Table):
    """Shows strings as they are: a text from outside must not style, let alone break, what a person reads."""

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        super().add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells), **options)


def table(*columns: str) -> Table:
    """A light table, one look for all verbs."""
    made = _Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold cyan")
    for at, column in enumerate(columns):
        made.add_column(column, no_wrap=at == 0 or column in _NEVER_WRAPPED)
    return made
