"""A person's word over HTTP: it acts once, from whichever surface it comes first, and says so to the others."""

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

from core.canonical import JSON
from memory.books.words import RecordKind
from tests.api.rest.conftest import Api, problem
from tests.api.terminal import Told
from tests.desk.desks import all_records, body_of


async def waiting(api: Api, key: str) -> JSON:
    (found,) = (await api.get("/v1/approvals?state=waiting", key)).json()["approvals"]
    return found


async def test_an_approval_releases_the_proposal_once_and_is_kept_with_its_reason(asked: Api) -> None:
    key = asked.key("orders:approve", "audit:read", name="ada", person=True)
    proposal = (await waiting(asked, key))["proposal_id"]
    shown = (await asked.get(f"/v1/approvals/{proposal}", key)).json()
    assert shown["proposal"]["thesis"]
    assert shown["review"]["verdicts"]
    answer = await asked.post(f"/v1/approvals/{proposal}/approve", {"reason": "sound"}, key, "one")
    assert answer.status_code == 200, answer.text
    assert answer.json()["kind"] in ("working", "done")
    again = await asked.post(f"/v1/approvals/{proposal}/approve", {"reason": "sound"}, key, "one")
    assert (again.status_code, again.content) == (200, answer.content)
    assert again.headers["idempotency-replayed"] == "true"
    told = problem(await asked.post(f"/v1/approvals/{proposal}/approve", {"reason": "sound"}, key, "two"), 409)
    assert (told["type"], told["state"], told["answered_by"]) == ("already-answered", "released", "ada")
    releases = all_records(asked.at.books, RecordKind.RELEASE)
    assert len(releases) == 1
    said = body_of(asked.at.books, releases[0])["answer"]
    assert said == {"approved": True, "by": "ada", "reason": "sound"}
    assert len((await asked.get("/v1/orders", key)).json()["orders"]) >= 1


async def test_a_rejection_takes_a_reason_and_places_nothing(asked: Api) -> None:
    key = asked.key("orders:approve", "audit:read")
    proposal = (await waiting(asked, key))["proposal_id"]
    problem(await asked.post(f"/v1/approvals/{proposal}/reject", {}, key), 422)
    answer = await asked.post(f"/v1/approvals/{proposal}/reject", {"reason": "not today"}, key)
    assert answer.status_code == 200, answer.text
    assert "not today" in answer.json()["detail"]
    told = problem(await asked.post(f"/v1/approvals/{proposal}/approve", {}, key, "later"), 409, "already-answered")
    assert told["state"] == "rejected"
    assert (await asked.get("/v1/orders", key)).json()["orders"] == []


async def test_an_idempotency_key_with_another_body_is_refused_and_does_nothing(asked: Api) -> None:
    key = asked.key("risk:halt", "audit:read")
    assert (await asked.post("/v1/risk/halt", {"reason": "a"}, key)).status_code == 200
    problem(await asked.post("/v1/risk/halt", {"reason": "b"}, key), 422, "key-reused")
    # Somebody else may have drawn the same one.
    other = asked.key("risk:halt", name="bob")
    assert "idempotency-replayed" not in (await asked.post("/v1/risk/halt", {"reason": "b"}, other)).headers


async def test_what_is_not_there_cannot_be_answered(asked: Api) -> None:
    key = asked.key("orders:approve")
    absent = "00000000-0000-0000-0000-000000000000"
    problem(await asked.post(f"/v1/approvals/{absent}/approve", {}, key), 404)
    # A prefix is for people who type; a program names what it means.
    full = (await waiting(asked, key))["proposal_id"]
    problem(await asked.post(f"/v1/approvals/{full[:8]}/approve", {}, key, "short"), 422)
    problem(await asked.get(f"/v1/approvals/{full[:8]}", key), 404)


async def test_a_halt_stops_the_account_and_only_a_person_lets_it_go_on(asked: Api) -> None:
    key = asked.key("risk:halt", "audit:read", name="bot")
    answer = await asked.post("/v1/risk/halt", {"reason": "odd news"}, key)
    assert (answer.json()["state"], answer.json()["by"]) == ("halted", "bot")
    stopped = (await asked.get("/v1/risk", key)).json()
    assert stopped["state"] == "halted"
    assert "odd news" in stopped["causes"][0]["detail"]
    problem(await asked.post("/v1/risk/resume", {"reason": "over"}, key, "r"), 403)
    person = asked.key("risk:resume", "audit:read", name="ada", person=True)
    assert (await asked.post("/v1/risk/resume", {"reason": "over"}, person, "r")).status_code == 200
    assert (await asked.get("/v1/risk", person)).json()["state"] == "active"
    told = problem(await asked.post("/v1/risk/resume", {"reason": "over"}, person, "r2"), 409)
    assert "no latch" in told["detail"]


async def test_an_approval_that_is_answered_from_the_command_line_and_here_at_once_acts_once(asked: Api) -> None:
    key = asked.key("orders:approve", "audit:read", name="ada", person=True)
    proposal = (await waiting(asked, key))["proposal_id"]
    heard: list[Told] = []
    typed = threading.Thread(target=lambda: heard.append(_typed(asked, proposal)))
    typed.start()
    answer = await asked.post(f"/v1/approvals/{proposal}/reject", {"reason": "over HTTP"}, key)
    while typed.is_alive():
        await asyncio.sleep(0.05)
    (told,) = heard
    assert sorted([answer.status_code == 200, told.code == 0]) == [False, True], (answer.text, told)
    assert answer.status_code in (200, 409)
    assert "rejected already" in (told.err if told.code else answer.text)
    releases = all_records(asked.at.books, RecordKind.RELEASE)
    assert len(releases) == 1
    by = body_of(asked.at.books, releases[0])["answer"]["by"]
    assert by == ("ada" if answer.status_code == 200 else "operator")


def _typed(api: Api, proposal: str) -> Told:
    """In a process of its own, as a person's is."""
    command = [str(Path(sys.executable).with_name("warden")), "approvals", "reject", proposal, "--reason", "typed"]
    environment = {**os.environ, "TRADEWARDEN_HOME": str(api.at.home.path)}
    done = subprocess.run(
        command, env=environment, cwd=api.at.home.path, capture_output=True, text=True, check=False, timeout=300
    )
    return Told(done.returncode, done.stdout, done.stderr)
