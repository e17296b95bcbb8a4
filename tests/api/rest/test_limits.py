"""What is too much, too slow or too clever gets a problem and changes nothing."""

import asyncio
import json

import pytest

from api.rest.server import refuse_exposed
from core.errors import ConfigError
from desk.settings import parse
from tests.api.rest.conftest import Api, problem, served
from tests.desk.desks import fresh_home

HEADERS = {"x-content-type-options": "nosniff", "x-frame-options": "DENY", "cache-control": "no-store"}


async def test_every_answer_has_an_id_and_keeps_browsers_out_of_trouble(api: Api) -> None:
    for answer in (await api.get("/healthz"), await api.get("/v1/risk"), await api.get("/nowhere")):
        assert answer.headers["x-request-id"]
        assert HEADERS.items() <= dict(answer.headers).items()
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "access-control-allow-origin" not in answer.headers


async def test_a_request_id_is_taken_over_only_where_it_can_do_no_harm(api: Api) -> None:
    assert (await api.get("/healthz", headers={"X-Request-ID": "abc-1"})).headers["x-request-id"] == "abc-1"
    for wrong in ("a b", "x" * 65, "<script>", ""):
        assert (await api.get("/healthz", headers={"X-Request-ID": wrong})).headers["x-request-id"] != wrong


async def test_another_origin_is_not_let_in(api: Api) -> None:
    asking = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    answer = await api.ask("OPTIONS", "/v1/signals", headers=asking)
    problem(answer, 405)
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_what_is_not_there_is_a_problem_whatever_the_path_looks_like(api: Api) -> None:
    key = api.key("admin", person=True)
    for path in (
        "/",
        "/v1",
        "/v1/../../etc/passwd",
        "/v1/cycles/..%2f..%2fdesk.db",
        "/v1/audit/records/%2e%2e",
        "/docs",
    ):
        answer = await api.get(path, key)
        told = problem(answer, answer.status_code)
        assert answer.status_code in (404, 422), path
        assert str(api.at.home.path) not in json.dumps(told)


async def test_a_body_is_read_up_to_its_most(api: Api) -> None:
    key = api.key("risk:halt")
    most = api.at.settings.api.body_bytes
    problem(await api.post("/v1/risk/halt", {"reason": "x" * most}, key), 413, "too-large")

    async def endless() -> object:
        for _ in range(most // 1_000 + 2):
            yield b" " * 1_000

    headers = {"Idempotency-Key": "a", "Content-Type": "application/json"}
    problem(await api.ask("POST", "/v1/risk/halt", key, content=endless(), headers=headers), 413, "too-large")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"reason": 1}', b'{"reason": ""}', b'{"reason": "  "}', b'{"reason":"x","by":"eve"}'],
)
async def test_a_malformed_body_is_a_problem_and_does_nothing(asked: Api, body: bytes) -> None:
    key = asked.key("risk:halt", "audit:read")
    headers = {"Idempotency-Key": "a", "Content-Type": "application/json"}
    problem(await asked.ask("POST", "/v1/risk/halt", key, content=body, headers=headers), 422)
    assert (await asked.get("/v1/risk", key)).json()["state"] == "active"


async def test_an_idempotency_key_is_asked_for_and_is_one_line(asked: Api) -> None:
    key = asked.key("risk:halt")
    problem(await asked.post("/v1/risk/halt", {"reason": "x"}, key, None), 422)
    problem(await asked.post("/v1/risk/halt", {"reason": "x"}, key, "a b"), 422)
    problem(await asked.post("/v1/risk/halt", {"reason": "x"}, key, "x" * 129), 422)


async def test_a_key_that_asks_too_often_is_told_when_to_come_back() -> None:
    with fresh_home() as home:
        async with served(home, requests_per_minute=3) as api:
            key, other = api.key("audit:read"), api.key("audit:read")
            now = 100.0
            api.at.keys._seconds = lambda: now
            for _ in range(3):
                assert (await api.get("/v1/models", key)).status_code == 200
            answer = await api.get("/v1/models", key)
            problem(answer, 429, "too-many-requests")
            assert answer.headers["retry-after"] == "21"
            assert (await api.get("/v1/models", other)).status_code == 200
            now += 20.0
            assert (await api.get("/v1/models", key)).status_code == 200
            problem(await api.get("/v1/models", key), 429)


async def test_an_answer_that_takes_too_long_is_a_documented_problem(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def for_ever(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(api.app, "_app", for_ever)
    monkeypatch.setattr(api.app, "_timeout_s", 0.01)
    problem(await api.get("/v1/models"), 503, "too-slow")


async def test_what_breaks_inside_is_told_without_a_trace(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(f"a secret of {api.at.home.path}")

    key = api.key("audit:read")
    monkeypatch.setattr("desk.modelling.listing", broken)
    told = problem(await api.get("/v1/models", key), 500, "broken")
    assert "secret" not in json.dumps(told)
    assert "Traceback" not in json.dumps(told)


async def test_readyz_names_the_part_that_does_not_work(api: Api) -> None:
    assert (await api.get("/readyz")).json()["status"] == "ready"
    api.at.feed.trouble = "DataRefused: /secret/folder"
    told = problem(await api.get("/readyz"), 503, "not-ready")
    assert told["parts"]["signals"] != "ok"
    assert "secret" not in json.dumps(told)
    api.at.feed.trouble = ""
    api.at.home.kill_file.write_text("stop\n")
    assert "kill file" in problem(await api.get("/readyz"), 503)["detail"]


async def test_metrics_count_by_route_and_never_by_what_somebody_typed(asked: Api) -> None:
    key = asked.key("audit:read")
    for number in range(5):
        await asked.get(f"/nowhere/{number}")
        await asked.get(f"/v1/cycles/{number}", key)
    told = (await asked.get("/metrics", key)).text
    assert 'tradewarden_http_requests_total{method="GET",route="/v1/cycles/{cycle_id}",status="404"} 5.0' in told
    assert "nowhere" not in told
    assert "tradewarden_approvals_waiting 1.0" in told
    assert "tradewarden_signals_issued 2.0" in told


def test_an_address_that_others_can_reach_takes_a_setting_and_a_key() -> None:
    closed, open_ = parse({}, "the test"), parse({"api": {"public": True}}, "the test")
    for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost"):
        refuse_exposed(host, closed, keys=0)
    for host in ("0.0.0.0", "::", "192.168.1.5", "desk.example"):
        with pytest.raises(ConfigError, match=r"\[api\] public = true"):
            refuse_exposed(host, closed, keys=3)
        with pytest.raises(ConfigError, match="warden keys create"):
            refuse_exposed(host, open_, keys=0)
        refuse_exposed(host, open_, keys=1)
