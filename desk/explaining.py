"""Why something was done, or not: taken from the records alone, each answer with the id of its record.

What a text said is never repeated here: fields and ids, and the words of our own analysts with the taint of what they
rest on.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, select

from agents.chat.ports import Found
from agents.contamination import doubt
from core.canonical import JSON
from core.errors import ConfigError
from core.printable import one_line
from core.taint import Taint, join
from core.time import show_time
from core.verdicts import Outcome
from desk.reports import fills_of
from execution import orderbook
from memory.books import blobs, records, tables
from memory.books.records import Record
from memory.books.words import RecordKind
from risk.codes import text_for

_LOOKED_AT: Final = 200  # records, newest first
_TOLD: Final = 12
_QUOTED: Final = 500  # characters of a text
_PROMPT: Final = 4_000  # and of a prompt
_OF_CYCLES: Final = ("reasoner", "contamination", "judgement", "abstained", "opinion", "p_up", "mood")


def decisions(conn: Connection, account_id: str, symbol: str) -> Found:
    """What was decided about a symbol, newest first: by cycles, by a person's release, by whoever else proposed."""
    told: list[JSON] = []
    taints: list[Taint] = []
    for record, body in _bodies(conn, account_id):
        found = _decision(conn, record, body, symbol)
        if found is not None:
            told.append(found)
            taints.append(Taint(found["taint"]))
        if len(told) == _TOLD:
            break
    return Found(told, join(taints))


def one(conn: Connection, prefix: str) -> Found:
    """One record, symbol by symbol."""
    record = records.find(conn, prefix)
    body = blobs.get_json(conn, record.body)
    if body is None:
        raise ConfigError(f"record {record.record_id} has lost its body")
    symbols = body["symbols"] if record.kind is RecordKind.DECISION else [_symbol(conn, record, body)]
    told = [found for symbol in symbols if (found := _decision(conn, record, body, symbol)) is not None]
    return Found(told, join(Taint(found["taint"]) for found in told))


def forecasts(conn: Connection, account_id: str, symbol: str | None) -> Found:
    """What the newest decision's forecasters said, with how each stands out of sample."""
    record, body = _newest(conn, account_id, symbol)
    outlooks = [o for o in body["forecast"]["outlooks"] if symbol in (None, o["symbol"])]
    silent = [a for a in body["forecast"]["abstentions"] if symbol in (None, a["symbol"])]
    told = {"record_id": record.record_id, "at": show_time(record.as_of_ns), "outlooks": outlooks, "silent": silent}
    return Found(told, join(Taint(o["taint"]) for o in outlooks))


def events(conn: Connection, account_id: str, symbol: str) -> Found:
    """What the newest decision heard of a symbol: mood, typed events, which texts there were; and no word of them."""
    record, body = _newest(conn, account_id, symbol)
    heard = body["sentiment"]
    texts = body["snapshot"]["markets"][symbol]["texts"]
    told = {
        "record_id": record.record_id,
        "at": show_time(record.as_of_ns),
        "symbol": symbol,
        "mood": next((m for m in heard["moods"] if m["symbol"] == symbol), None),
        "silent": next((a["reason"] for a in heard["abstentions"] if a["symbol"] == symbol), None),
        "events": [event for event in heard.get("events", []) if event["symbol"] == symbol],
        "texts": [
            {"text_id": t["item_id"], "source": t["source"], "at": show_time(t["known_at_ns"]), "taint": t["taint"]}
            for t in texts
        ],
    }
    return Found(told, Taint.DERIVED if texts else Taint.TRUSTED)


def quote(conn: Connection, account_id: str, text_id: str) -> Found:
    """The beginning of one text that a decision had before it: for a person's eyes, and untrusted at the least."""
    for record, body in _bodies(conn, account_id, RecordKind.DECISION):
        for market in body["snapshot"]["markets"].values():
            for text in market["texts"]:
                if text["item_id"].startswith(text_id):
                    told = {
                        "text_id": text["item_id"],
                        "source": one_line(text["source"]),
                        "at": show_time(text["known_at_ns"]),
                        "record_id": record.record_id,
                        "words": one_line(text["headline"])[:_QUOTED],
                    }
                    return Found(told, join([Taint.UNTRUSTED, Taint(text["taint"])]), quoted=True)
    raise ConfigError(
        f"no text whose id starts with {text_id!r} stood before the last decisions: `news SYMBOL` lists them"
    )


def prompts(conn: Connection, prefix: str) -> Found:
    """What a language model was asked in one cycle, and what it said: raw words, for a person's eyes."""
    from agents.llm.reasoner import NODE

    record = records.find(conn, prefix)
    table = tables.effects
    query = select(table).where(table.c.cycle_id == (record.cycle_id or ""))
    told: list[JSON] = []
    for row in conn.execute(query.order_by(table.c.node, table.c.lane, table.c.sequence)):
        answer = blobs.get_json(conn, row.response) if row.body is None else json.loads(row.body)
        if not isinstance(answer, dict) or "asked" not in answer:
            continue
        said = answer.get("said", {})
        words = said.get("text") or ", ".join(call["name"] for call in said.get("calls", []))
        told.append(
            {
                "node": row.node.removeprefix(NODE),
                "lane": row.lane,
                "model": one_line(said.get("model", "")),
                "asked": _shown(_last_asked(conn, answer["asked"])),
                "said": _shown(words or answer.get("message", "")),
            }
        )
    if not told:
        raise ConfigError(f"no language model was asked for record {record.record_id}")
    return Found(told, Taint.UNTRUSTED, quoted=True)


def _last_asked(conn: Connection, asked: JSON) -> str:
    """The newest message of a question, which is kept by its digest."""
    message = blobs.get_json(conn, asked["messages"][-1])
    return "(no longer kept)" if message is None else message.get("content") or ""


def _newest(conn: Connection, account_id: str, symbol: str | None) -> tuple[Record, JSON]:
    for record, body in _bodies(conn, account_id, RecordKind.DECISION):
        if symbol is None or symbol in body["symbols"]:
            return record, body
    raise ConfigError(
        f"nothing was decided about {symbol or 'any symbol'} yet in account {account_id}: `run` decides now"
    )


def _bodies(conn: Connection, account_id: str, kind: RecordKind | None = None) -> Iterator[tuple[Record, JSON]]:
    """Newest first, each read when it is reached."""
    for record in records.listing(conn, account_id=account_id, kind=kind, limit=_LOOKED_AT):
        body = blobs.get_json(conn, record.body)
        if body is not None:
            yield record, body


def _decision(conn: Connection, record: Record, body: JSON, symbol: str) -> JSON | None:
    """What one record says of a symbol; None where it says nothing."""
    about = {"record_id": record.record_id, "record": record.kind.value, "at": show_time(record.as_of_ns)}
    if record.kind is not RecordKind.DECISION:
        proposal = _proposal(conn, record, body)
        if proposal is None or proposal["order"]["symbol"] != symbol:
            return None
        order = _order(conn, record, proposal, body["kind"], body.get("detail", ""), body["review"]["verdicts"])
        said = body.get("answer")
        told = {**about, "symbol": symbol, **dict.fromkeys(_OF_CYCLES)}
        return {**told, "orders": [{**order, "answer": said}], "taint": proposal["taint"]}
    if symbol not in body["symbols"]:
        return None
    plan = body["plans"][-1] if body["plans"] else {"judgements": [], "abstained": "there is no plan"}
    opinion = _of(body["research"]["opinions"], symbol)
    mood, outlook = _of(body["sentiment"]["moods"], symbol), _of(body["forecast"]["outlooks"], symbol)
    orders = [
        _order(conn, record, answer["proposal"], answer["kind"], answer["detail"], answer["verdicts"])
        for answer in body["answers"]
        if answer["proposal"]["order"]["symbol"] == symbol
    ]
    return {
        **about,
        "symbol": symbol,
        "reasoner": body["reasoner"],
        "contamination": doubt(body),
        "judgement": _of(plan["judgements"], symbol),
        "abstained": plan["abstained"],
        "opinion": opinion and {"stance": opinion["stance"], "claims": [c["text"] for c in opinion["claims"]]},
        "p_up": outlook and outlook["p_up"],
        "mood": mood and mood["score"],
        "unfit": body["snapshot"]["markets"][symbol]["unfit"],
        "orders": orders,
        "taint": max([_shown_to_its_planner(body), *(order["taint"] for order in orders)]),
    }


def _shown_to_its_planner(body: JSON) -> int:
    """The worst of every view of a cycle: its planner's words, of whatever symbol, may come of any of them."""
    heard, research, forecast = body["sentiment"], body["research"], body["forecast"]
    views = [claim for opinion in research["opinions"] for claim in opinion["claims"]]
    views += [*heard["moods"], *heard.get("events", []), *forecast["outlooks"]]
    return max((int(view.get("taint", Taint.DERIVED)) for view in views), default=0)


def _of(views: Iterable[JSON], symbol: str) -> JSON | None:
    return next((view for view in views if view["symbol"] == symbol), None)


def _proposal(conn: Connection, record: Record, body: JSON) -> JSON | None:
    """Of an action it stands there; a release names it."""
    if "proposal" in body:
        return body["proposal"]
    row = orderbook.find_proposal(conn, record.proposal_id or "")
    return None if row is None else row.body


def _symbol(conn: Connection, record: Record, body: JSON) -> str:
    proposal = _proposal(conn, record, body)
    return "" if proposal is None else str(proposal["order"]["symbol"])


def _order(conn: Connection, record: Record, proposal: JSON, kind: str, detail: str, verdicts: Sequence[JSON]) -> JSON:
    order = proposal["order"]
    fills = fills_of(conn, record.account_id, [order["proposal_id"]])
    return {
        "proposal_id": order["proposal_id"],
        "side": order["side"],
        "quantity": order["quantity"],
        "limit_price": order["limit_price"],
        "stop_price": proposal["stop_price"],
        "owner": order["owner"],
        "thesis": proposal["thesis"],
        "invalidation": proposal["invalidation"],
        "evidence": proposal["evidence"],
        "taint": proposal["taint"],
        "kind": kind,
        "detail": detail,
        "denials": [
            {**{k: v[k] for k in ("code", "measured", "limit", "unit", "largest")}, "text": text_for(v["code"])}
            for v in verdicts
            if v["outcome"] == Outcome.DENIED
        ],
        "fills": [{k: fill[k] for k in ("quantity", "price", "fee", "fee_currency")} for fill in fills],
    }


def _shown(text: str) -> list[str]:
    """Its lines, as far as a person will read."""
    return [one_line(line) for line in text[:_PROMPT].splitlines()]
