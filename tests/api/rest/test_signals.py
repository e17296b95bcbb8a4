"""Signals over HTTP: signed, paged, streamed, and settled once their end is known."""

import asyncio
import json
import time
from contextlib import suppress

from core.canonical import JSON, canonical_text
from desk.outcomes import outcome_of
from desk.signing import Signer, verified
from memory.books import signals
from tests.api.rest.conftest import Api, problem, served
from tests.desk.desks import BUYS_BOTH, BUYS_ETH, fresh_home, moment, run

FIELDS = {
    "schema", "signal_id", "symbol", "side", "strength", "confidence", "price", "stop", "target", "horizon_s",
    "expires_ns", "as_of_ns", "issued_ns", "models", "record_id", "record_hash", "market", "verdict",
}  # fmt: skip


async def test_a_signal_says_what_its_record_says(read: Api) -> None:
    key = read.key_with("signals:read", person=False)
    found = {s["signal"]["symbol"]: s["signal"] for s in (await read.get("/v1/signals", key)).json()["signals"]}
    assert set(found) == {"BTC/USDT", "ETH/USDT"}
    ether = found["ETH/USDT"]
    assert ether.keys() >= FIELDS
    assert (ether["side"], ether["verdict"], ether["market"], ether["schema"]) == ("buy", "waiting", "simulated", 1)
    assert -1 <= float(ether["strength"]) <= 1
    assert float(ether["stop"]) < float(ether["price"]) < float(ether["target"])
    assert ether["expires_ns"] == ether["as_of_ns"] + ether["horizon_s"] * 10**9
    record = (
        await read.get(f"/v1/audit/records/{ether['record_id']}", read.key_with("audit:read", person=False))
    ).json()
    assert record["record_hash"] == ether["record_hash"]
    assert record["body"]["snapshot"]["markets"]["ETH/USDT"]["last"] == ether["price"]


async def test_a_reader_can_verify_every_signal_with_the_published_key_and_nothing_else(read: Api) -> None:
    key = read.key_with("signals:read", person=False)
    published = (await read.get("/v1/signals/key")).json()
    (first, second) = (await read.get("/v1/signals", key)).json()["signals"]
    for line in (first, second):
        # As any client would write it: nothing of ours is needed.
        text = json.dumps(line["signal"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert line["signer"] == published["key_id"]
        assert verified(published["public_key"], text, line["signature"])
        assert not verified(published["public_key"], text.replace('"buy"', '"sell"') + " ", line["signature"])
    changed = {**first["signal"], "price": "1"}
    assert not verified(published["public_key"], canonical_text(changed), first["signature"])
    assert not verified(published["public_key"], canonical_text(first["signal"]), second["signature"])
    assert not verified(published["public_key"], canonical_text(first["signal"]), "no base64")
    with fresh_home() as other:
        other.make()
        foreign = Signer.of(other).published["public_key"]
    assert not verified(foreign, canonical_text(first["signal"]), first["signature"])


async def test_one_symbol_can_be_asked_for_and_an_unknown_one_has_no_signal(read: Api) -> None:
    key = read.key_with("signals:read", person=False)
    one = (await read.get("/v1/signals?symbol=BTC/USDT", key)).json()["signals"]
    assert [s["signal"]["symbol"] for s in one] == ["BTC/USDT"]
    assert (await read.get("/v1/signals?symbol=XYZ/USDT", key)).json() == {"signals": [], "next": None}
    problem(await read.get("/v1/signals?symbol=%0d%0aX", key), 422, "invalid")


async def test_books_without_an_account_have_no_signals(api: Api) -> None:
    key = api.key("signals:read")
    for path in ("/v1/signals", "/v1/signals/history"):
        assert (await api.get(path, key)).json() == {"signals": [], "next": None}


async def test_history_walks_by_cursor_through_every_signal_once(read: Api) -> None:
    key = read.key_with("signals:read", person=False)
    seen: list[int] = []
    following = "/v1/signals/history?limit=1"
    while following:
        page = (await read.get(following, key)).json()
        seen += [s["number"] for s in page["signals"]]
        following = f"/v1/signals/history?limit=1&cursor={page['next']}" if page["next"] else ""
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 2
    for wrong in ("AAAA", "WyJhIl0", "W10", "WzEsMl0", "!!"):
        problem(await read.get(f"/v1/signals/history?cursor={wrong}", key), 422, "invalid")


async def test_nothing_is_issued_twice_however_often_one_looks(asked: Api) -> None:
    key = asked.key("signals:read")
    before = (await asked.get("/v1/signals/history", key)).content
    asked.at.feed._version = None
    await asked.at.feed.look()
    async with served(asked.at.home) as other:
        assert (await other.get("/v1/signals/history", key)).content == before


async def test_a_new_decision_is_served_and_streamed_without_a_restart(asked: Api) -> None:
    key = asked.key("signals:read")
    last = asked.at.feed.number
    reading = asyncio.create_task(events(asked, key, last_event_id=last, count=2))
    await run(asked.at.home, moment(BUYS_BOTH))
    async with asyncio.timeout(60):
        told = await reading
    assert [number for number, _ in told] == [last + 1, last + 2]
    shown = (await asked.get("/v1/signals", key)).json()["signals"]
    assert [line for _, line in sorted(told, key=lambda x: x[1]["signal"]["symbol"])] == shown


async def test_a_stream_resumes_after_the_last_number_that_was_seen(read: Api) -> None:
    key = read.key_with("signals:read", person=False)
    everything = await events(read, key, last_event_id=0, count=2)
    first = everything[0][0]
    assert await events(read, key, last_event_id=first, count=1) == everything[1:]
    problem(await read.get("/v1/signals/stream", key, headers={"Last-Event-ID": "x"}), 422, "invalid")
    problem(await read.get("/v1/signals/stream", key, headers={"Last-Event-ID": "-1"}), 422, "invalid")


async def test_revoking_a_key_ends_the_stream_that_it_opened(asked: Api) -> None:
    from desk import access

    key = asked.key("signals:read")
    reading = asyncio.create_task(events(asked, key, last_event_id=asked.at.feed.number, count=1))
    until = time.monotonic() + 20
    while not asked.at.streams:
        assert time.monotonic() < until
        await asyncio.sleep(0.01)
    said = {"by": "test", "reason": "lost", "now_ns": asked.at.clock.now_ns()}
    asked.at.books.write(lambda conn: access.revoke(conn, key.split("_")[1], **said))  # type: ignore[arg-type]
    async with asyncio.timeout(20):
        assert await reading == []
    assert asked.at.streams == 0


async def test_what_came_of_a_signal_is_told_signed_once_its_horizon_has_passed() -> None:
    with fresh_home() as home:
        await run(home, moment(BUYS_ETH))
        async with served(home) as api:
            key = api.key("signals:read")
            (number, before), *_ = sorted(
                (s["number"], s) for s in (await api.get("/v1/signals", key)).json()["signals"]
            )
            assert before["outcome"] is None
            account = api.at.feed.account_id
            assert account is not None
            end_ns = before["signal"]["expires_ns"]
            # The account's clock is what says that time has passed: a market of the past knows its future.
            from memory.books import accounts

            api.at.books.write(lambda conn: accounts.set_clock(conn, account, end_ns - 1))
            api.at.feed._version = None
            await api.at.feed.look()
            assert (await api.get(f"/v1/signals/{before['signal']['signal_id']}", key)).json()["outcome"] is None
            api.at.books.write(lambda conn: accounts.set_clock(conn, account, end_ns))
            api.at.feed._version = None
            await api.at.feed.look()
            after = (await api.get(f"/v1/signals/{before['signal']['signal_id']}", key)).json()
            assert after["signal"] == before["signal"]
            outcome = after["outcome"]
            assert outcome["ended_ns"] == end_ns
            moved = float(outcome["price"]) / float(before["signal"]["price"]) - 1
            assert abs(moved - float(outcome["change"])) < 1e-6
            public = api.at.signer.published["public_key"]
            assert verified(public, canonical_text(outcome), after["outcome_signature"])
            assert number == after["number"]


def test_a_signal_without_a_price_or_candles_has_no_outcome() -> None:
    signal = {"price": None, "expires_ns": 2, "as_of_ns": 1}
    assert outcome_of(signal, None) is None
    assert outcome_of({**signal, "price": "1"}, None) is None


async def events(api: Api, key: str, *, last_event_id: int, count: int) -> list[tuple[int, JSON]]:
    """So many signals of the stream, or fewer where it ends."""
    told: list[tuple[int, JSON]] = []
    body, enough = b"", asyncio.Event()
    scope = {
        "type": "http", "method": "GET", "path": "/v1/signals/stream", "raw_path": b"/v1/signals/stream",
        "query_string": b"", "http_version": "1.1", "scheme": "http", "server": ("desk", 80), 
        "client": ("127.0.0.1", 1), "root_path": "", "asgi": {"version": "3.0"},
        "headers": [(b"authorization", f"Bearer {key}".encode()), (b"last-event-id", str(last_event_id).encode())],
    }  # fmt: skip

    async def receive() -> JSON:
        await enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: JSON) -> None:
        nonlocal body
        body += message.get("body", b"")
        while b"\n\n" in body:
            event, _, body = body.partition(b"\n\n")
            lines = dict(line.split(": ", 1) for line in event.decode().splitlines() if not line.startswith(":"))
            if "data" in lines:
                assert lines["event"] == "signal"
                told.append((int(lines["id"]), json.loads(lines["data"])))
        if len(told) >= count:
            enough.set()

    with suppress(asyncio.CancelledError):
        await api.app(scope, receive, send)
    return told[:count]


async def test_the_stored_text_is_what_is_served_byte_for_byte(read: Api) -> None:
    key = read.key_with("signals:read", person=False)
    served_bytes = (await read.get("/v1/signals", key)).content
    account = read.at.feed.account_id
    assert account is not None
    for signal in read.at.books.read(lambda conn: signals.latest(conn, account)):
        assert signal.body.encode() in served_bytes
