"""The command line: every verb answers people and programs, with its exit code."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer

from api.cli import running
from api.cli.main import app
from desk.home import Home
from tests.api.conftest import Demo
from tests.api.terminal import warden
from tests.desk.desks import rows


def verbs_of(command: Any, *before: str) -> list[list[str]]:
    """Every verb below a command, as the words that name it."""
    below: dict[str, Any] = getattr(command, "commands", {})
    return [verb for name, sub in below.items() for verb in verbs_of(sub, *before, name)] or [list(before)]


VERBS = verbs_of(typer.main.get_command(app))
APPROVING = '[risk]\napproval = "always"\n'


def named(words: list[str]) -> str:
    return " ".join(words)


# Help


@pytest.mark.parametrize("verb", VERBS, ids=named)
def test_every_verb_explains_itself(home: Home, verb: list[str]) -> None:
    told = warden(home, *verb, "--help")
    assert (told.code, told.err) == (0, "")
    assert f"warden {named(verb)}" in told.out
    assert "--json" in told.out


def test_the_verbs_are_those_that_are_promised() -> None:
    assert {named(verb) for verb in VERBS} >= {
        *("demo", "run", "portfolio", "settings", "doctor", "close", "flatten"),
        *("risk status", "risk policy", "risk explain", "risk halt", "risk resume", "risk cases"),
        *("audit list", "audit show", "audit verify", "audit replay", "audit recompute"),
        *("approvals list", "approvals show", "approvals approve", "approvals reject"),
    }


@pytest.mark.parametrize("words", [[], ["audit"], ["risk"], ["approvals"]], ids=named)
def test_without_a_verb_the_verbs_are_listed(home: Home, words: list[str]) -> None:
    told = warden(home, *words)
    assert told.code in (0, 2)
    assert "--help" in told.out + told.err


def test_help_needs_no_room_of_the_house() -> None:
    """Whoever asks for help waits for no numpy, no database and no graph."""
    told = subprocess.run(
        [sys.executable, "-c", HELP], capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2]
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[-1] == "heavy: []"


HELP = """
import sys
from api.cli.main import app
try:
    app(["--help"])
except SystemExit as ended:
    assert not ended.code
print("heavy:", [m for m in ("numpy", "sqlalchemy", "langgraph", "pyarrow", "pydantic") if m in sys.modules])
"""


@pytest.mark.parametrize("words", [["fly"], ["audit", "fly"], ["demo", "--fly"], ["run", "--again", "-1"]], ids=named)
def test_a_word_that_is_no_verb_is_a_usage_error(home: Home, words: list[str]) -> None:
    told = warden(home, *words)
    assert told.code == 2
    assert "Traceback" not in told.err
    assert rows(home) == {}


# The demo


def test_the_demo_denies_one_order_and_fills_another(demo: Demo) -> None:
    answers = [a for r in demo.report["records"] for a in r["body"]["answers"]]
    denied = [a for a in answers if a["kind"] == "denied"]
    filled = {fill["proposal_id"] for fill in demo.report["fills"]}
    assert len(denied) == len(filled) == 1
    assert [v["code"] for v in denied[0]["verdicts"] if v["outcome"] == "denied"] == ["SPREAD"]
    assert denied[0]["proposal"]["order"]["proposal_id"] not in filled


def test_the_demos_json_names_every_record_and_the_digest(demo: Demo) -> None:
    assert [len(r["record_hash"]) for r in demo.report["records"]] == [64]
    assert len(demo.report["digest"]) == 64
    assert demo.report["journal"]["ok"] is True
    assert demo.report["state"] == "finished"


def test_the_demo_says_the_same_in_another_home(demo: Demo, home: Home) -> None:
    again = warden(home, "demo", "--json").json
    assert again["digest"] == demo.report["digest"]
    assert [r["record_hash"] for r in again["records"]] == [r["record_hash"] for r in demo.report["records"]]


def test_the_demo_tells_a_person_all_of_it(home: Home) -> None:
    told = warden(home, "demo")
    assert (told.code, told.err) == (0, "")
    for part in ("research", "sentiment", "forecast", "plan", "Risk officer", "SPREAD", "fill", "account"):
        assert part in told.out
    assert "✓ journal verified" in told.out


def test_the_demo_again_reports_what_it_has(home: Home) -> None:
    first, second = warden(home, "demo", "--json"), warden(home, "demo", "--json")
    assert (first.json["reported"], second.json["reported"]) == (False, True)
    assert first.json["records"] == second.json["records"]


# Runs

SERIES = ("run", "--from", "2026-01-20T00:00Z", "--to", "2026-01-20T02:00Z", "--every", "1h")


def test_a_series_is_told_to_people_and_programs(home: Home) -> None:
    told = warden(home, *SERIES, "--json")
    assert (told.code, told.err) == (0, "")
    assert [told.json[key] for key in ("cycles", "planned", "reported", "resumed")] == [3, 3, False, False]
    assert len(told.json["records"]) == 3
    people = warden(home, *SERIES)
    assert (people.code, people.err) == (0, "")
    assert "3 of 3" in people.out


def test_one_cycle_is_told_to_people(home: Home) -> None:
    told = warden(home, "run", "--as-of", "2026-01-20T00:00Z")
    assert (told.code, told.err) == (0, "")
    assert "✓ journal verified" in told.out


def test_another_seed_is_another_run(home: Home) -> None:
    one, other = (warden(home, "run", "--as-of", "2026-01-20", "--seed", seed, "--json").json for seed in "12")
    assert one["run"] != other["run"]


# Reading


def reading(demo: Demo) -> list[list[str]]:
    return [
        ["portfolio"],
        ["settings"],
        ["doctor"],
        ["risk", "status"],
        ["risk", "policy"],
        ["risk", "policy", "--shadow"],
        ["risk", "explain", "spread"],
        ["risk", "explain", "day_halt"],
        ["risk", "cases"],
        ["audit", "list"],
        ["audit", "show", demo.record_id],
        ["audit", "verify"],
        ["audit", "replay", demo.record_id],
        ["approvals", "list"],
    ]


def test_every_reading_verb_answers_a_program(demo: Demo) -> None:
    before = rows(demo.home)
    for words in reading(demo):
        told = warden(demo.home, *words, "--json")
        assert (told.code, told.err) == (0, ""), words
        assert told.json is not None, words
    assert rows(demo.home) == before


def test_every_reading_verb_answers_a_person(demo: Demo) -> None:
    for words in reading(demo):
        told = warden(demo.home, *words)
        assert (told.code, told.err) == (0, ""), words
        assert told.out.strip(), words
        with pytest.raises(json.JSONDecodeError):
            json.loads(told.out)


def test_the_portfolio_is_worth_its_parts(demo: Demo) -> None:
    told = warden(demo.home, "portfolio", "--json").json
    (held,) = told["positions"]
    assert (held["symbol"], told["market_problem"]) == ("BTC/USDT", None)
    assert [stop["symbol"] for stop in told["stops"]] == ["BTC/USDT"]
    assert 9_900 < float(told["equity"]) < 10_100


def test_a_record_is_found_by_a_few_letters(demo: Demo) -> None:
    told = warden(demo.home, "audit", "show", demo.record_id[:8], "--json")
    assert told.json["record_hash"] == demo.report["records"][0]["record_hash"]


def test_a_replay_says_that_it_is_the_same(demo: Demo) -> None:
    told = warden(demo.home, "audit", "replay", demo.record_id, "--json").json
    assert told["same"] is True
    assert told["replayed_hash"] == told["record_hash"] == demo.report["records"][0]["record_hash"]


def test_a_replay_that_differs_fails_and_names_the_rule(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("risk.rules.market.Spread.cap", lambda *_: Decimal(29))
    told = warden(demo.home, "audit", "replay", demo.record_id)
    assert told.code == 1
    assert "rule SPREAD" in told.out
    as_json = warden(demo.home, "audit", "replay", demo.record_id, "--json")
    assert (as_json.code, as_json.json["same"]) == (1, False)


def test_a_recomputation_says_that_all_came_out_again(demo: Demo) -> None:
    told = warden(demo.home, "audit", "recompute", demo.record_id, "--json").json
    assert told["same"] is True
    assert told["asked"] > 10
    assert told["differences"] == told["lost"] == []


def test_a_recomputation_that_differs_fails_and_names_tool_arguments_and_both_values(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.indicators.log_rsi", lambda closes: 0.125)
    told = warden(demo.home, "audit", "recompute", demo.record_id)
    assert told.code == 1
    assert '✗ trend_view {"symbol":"BTC/USDT"} log_rsi: "' in told.out
    assert told.out.count('→ "0.125"') == 2
    assert "2 differences" in told.out


def test_a_record_that_is_unknown_cannot_be_recomputed(demo: Demo) -> None:
    warden(demo.home, "audit", "recompute", "nothing").refused("no record", "'nothing'")


def test_the_policy_shows_every_limit_with_its_ceiling(demo: Demo) -> None:
    told = warden(demo.home, "risk", "policy", "--json").json
    limits = {limit["name"]: limit for limit in told["limits"]}
    assert "at most 0.20" in limits["max_asset_exposure"]["allowed"]
    assert all(rule["denied_when"] for rule in told["rules"])


def test_settings_are_shown_with_their_secret_masked(home: Home) -> None:
    url = f"sqlite:///{home.path}/other.db"
    assert warden(home, "settings", "--json", TRADEWARDEN_DATABASE_URL=url).json["settings"]["database_url"] == url
    secret = "postgresql://warden:hunter2@db.internal/desk"
    for words in (["settings"], ["settings", "--json"]):
        told = warden(home, *words, TRADEWARDEN_DATABASE_URL=secret)
        assert (told.code, told.err) == (0, "")
        assert "hunter2" not in told.out
        assert "db.internal" in told.out


def test_a_home_without_an_account_says_how_to_open_one(home: Home) -> None:
    for words in (["portfolio"], ["risk", "status"], ["approvals", "list"]):
        warden(home, *words).refused("warden demo")
    assert warden(home, "audit", "list").out.startswith("no record yet")


def test_a_doctor_who_finds_something_fails(home: Home) -> None:
    home.kill_file.touch()
    told = warden(home, "doctor")
    assert told.code == 1
    assert "✗ kill file" in told.out
    parts = {f["part"]: f["ok"] for f in warden(home, "doctor", "--json").json}
    assert parts == {part: part != "kill file" for part in parts}


# Approvals


@pytest.fixture
def asking(home: Home) -> Home:
    """A home in which one order waits for a person."""
    home.settings.write_text(APPROVING)
    told = warden(home, "demo", "--json").json
    assert told["answers"] == {"waiting": 1, "denied": 1}
    return home


def the_waiting(home: Home) -> str:
    (row,) = warden(home, "approvals", "list", "--json").json
    assert row["state"] == "waiting"
    return str(row["proposal_id"])


@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["person", "program"])
def test_an_approval_is_listed_shown_and_filled(asking: Home, flags: list[str]) -> None:
    waiting = the_waiting(asking)
    assert waiting[:13] in warden(asking, "approvals", "list", *flags).out
    assert "ASSET_EXPOSURE" in warden(asking, "approvals", "show", waiting, *flags).out
    told = warden(asking, "approvals", "approve", waiting, "--by", "ada", "--reason", "fine", *flags)
    assert (told.code, told.err) == (0, "")
    assert "done" in told.out.lower()
    assert warden(asking, "portfolio", "--json").json["positions"]
    assert [r["record"] for r in warden(asking, "audit", "list", "--json").json] == ["release", "decision"]


@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["person", "program"])
def test_a_rejection_is_no_failure(asking: Home, flags: list[str]) -> None:
    waiting = the_waiting(asking)
    told = warden(asking, "approvals", "reject", waiting, "--by", "ada", "--reason", "too late in the day", *flags)
    assert (told.code, told.err) == (0, "")
    assert "rejected by ada: too late in the day" in told.out
    assert warden(asking, "portfolio", "--json").json["positions"] == []


def test_a_second_answer_is_refused(asking: Home) -> None:
    waiting = the_waiting(asking)
    warden(asking, "approvals", "reject", waiting)
    for verb in ("approve", "reject"):
        warden(asking, "approvals", verb, waiting).refused("was rejected already", "only a waiting one")


@pytest.mark.parametrize("verb", ["show", "approve", "reject"])
def test_an_unknown_proposal_is_refused(asking: Home, verb: str) -> None:
    warden(asking, "approvals", verb, "ffff-none").refused("no approval has an id that starts with 'ffff-none'")


@pytest.mark.parametrize("reason", ["[/] closes nothing", "[bold]loud", "[/nothing]"])
def test_a_reason_is_told_letter_by_letter(asking: Home, reason: str) -> None:
    waiting = the_waiting(asking)
    assert reason in warden(asking, "approvals", "reject", waiting, "--reason", reason).out
    assert reason in warden(asking, "approvals", "list").out


def test_a_release_that_is_denied_has_an_exit_code_of_its_own(asking: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = the_waiting(asking)
    monkeypatch.setattr("risk.rules.market.Spread.cap", lambda *_: Decimal("0.1"))
    told = warden(asking, "approvals", "approve", waiting, "--json")
    assert (told.code, told.json["kind"]) == (3, "denied")
    assert [(d["code"], d["limit"], d["unit"]) for d in told.json["denials"]] == [("SPREAD", "0.1", "bps")]
    assert Decimal(told.json["denials"][0]["measured"]) > Decimal("0.1")


# Stopped from outside


def test_a_kill_file_stops_runs_and_approvals_with_the_code_for_halted(asking: Home) -> None:
    waiting = the_waiting(asking)
    asking.kill_file.touch()
    warden(asking, "demo", "--again", "1").refused("kill file", "until a person removes it", code=4)
    warden(asking, "approvals", "approve", waiting).refused("kill file", code=4)
    assert the_waiting(asking) == waiting
    assert warden(asking, "risk", "status", "--json").json["kill_file"] is True


def test_an_interrupted_command_says_how_to_go_on(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "demo", interrupt)
    warden(home, "demo").refused("the same command goes on from here", code=130)


def test_the_installed_command_answers(home: Home) -> None:
    command = Path(sys.executable).with_name("warden")
    if not command.exists():
        pytest.skip("the command `warden` is not installed beside this Python")
    environment = {**os.environ, "TRADEWARDEN_HOME": str(home.path)}
    told = subprocess.run(
        [command, "audit", "list", "--json"], env=environment, capture_output=True, text=True, cwd=home.path
    )
    assert (told.returncode, told.stdout.strip(), told.stderr) == (0, "[]", "")
