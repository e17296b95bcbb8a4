"""The command: what it runs, what it prints last, and when it fails."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from fuzz import campaign
from fuzz.campaign import chunks, main
from fuzz.checks import CHECKS
from fuzz.tally import Tally

ROOT = Path(__file__).resolve().parents[2]


def ran(**changes: object) -> Tally:
    """A campaign that covered everything and found nothing, but for what a test says."""
    counted: dict[str, object] = {"proposals": 1_000, "formed": 800, "allowed": 300}
    counted |= {"alone": Counter(dict.fromkeys(CHECKS, 100)), **changes}
    return Tally(**counted)  # type: ignore[arg-type]


def test_every_proposal_belongs_to_one_chunk() -> None:
    cut = chunks(1, 10_100, 620)
    whole, reviews = [c for c in cut if c.whole], [c for c in cut if not c.whole]
    assert sum(c.count for c in whole) == 620
    assert [c.first for c in whole] == [*range(len(whole))]
    assert [number for c in reviews for number in range(c.first, c.first + c.count)] == [*range(10_100 - 620)]


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (ran(), 0),
        (ran(breaches=Counter({"GROSS_EXPOSURE: let through": 1})), 1),
        (ran(unfounded=Counter({"THESIS: nothing is wrong": 1})), 1),
        (ran(formed=299), 1),
        (ran(allowed=99), 1),
        (ran(alone=Counter({**dict.fromkeys(CHECKS, 100), "DEPEG": 99})), 1),
    ],
)
def test_it_fails_on_a_breach_an_unfounded_denial_and_a_gap_in_what_it_covers(
    found: Tally, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(campaign, "campaign", lambda *_: found)
    monkeypatch.setattr(sys, "argv", ["fuzz"])
    assert main() == code
    assert capsys.readouterr().out.splitlines()[-1] == f"breaches: {found.breaches.total()}"


def test_a_campaign_on_two_workers_ends_with_its_breaches() -> None:
    command = [sys.executable, "-m", "fuzz.campaign", "--proposals", "700", "--whole", "20", "--alone", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "breaches: 0"
