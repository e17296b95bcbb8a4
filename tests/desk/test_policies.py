"""Policies as files: named, checked, tightened, compared, and journaled when they come into force."""

from pathlib import Path
from typing import Any

import pytest

from core.canonical import JSON, digest
from core.errors import ConfigError
from desk import policies
from desk.home import Home
from desk.settings import Settings, load, policy_of
from memory.books import journal
from risk import ceilings
from risk.policies import LARGER_IS_TIGHTER, differences
from risk.settings import RiskSettings
from tests.desk.desks import BUYS_NOTHING, books_of, moment, run, tightened

STANDARD = (Path(__file__).parents[2] / "risk" / "policy" / "standard.toml").read_text()
STRICT = STANDARD.replace("at = 0.05\n", "at = 0.03\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def loaded(folder: Path, settings: str, **files: str) -> Settings:
    (folder / "warden.toml").write_text(settings)
    for name, content in files.items():
        (folder / f"{name}.toml").write_text(content)
    return load(Home(folder / "home"), folder=folder, environment={})


def refused(folder: Path, settings: str, **files: str) -> str:
    with pytest.raises(ConfigError) as told:
        loaded(folder, settings, **files)
    return str(told.value)


def day_halt(policy: RiskSettings) -> str:
    return str(next(b.at for b in policy.breakers if b.name == "day_halt"))


NAMED = '[risk]\npolicy = "mine.toml"\n'


# Naming one.


def test_without_a_policy_file_the_standard_breakers_are_in_force(folder: Path) -> None:
    assert loaded(folder, "").risk == RiskSettings()


def test_a_named_policy_is_found_beside_the_settings_file(folder: Path) -> None:
    settings = loaded(folder, NAMED, mine=f"[limits]\nmax_spread_bps = 12\n{STRICT}")
    assert (str(settings.risk.max_spread_bps), day_halt(settings.risk)) == ("12", "0.03")
    assert settings.policy_source == str(folder / "mine.toml")


def test_a_policy_of_limits_alone_keeps_the_standard_breakers(folder: Path) -> None:
    settings = loaded(folder, NAMED, mine="[limits]\nmax_spread_bps = 12\n")
    assert settings.risk == RiskSettings.model_validate({"max_spread_bps": "12"})


def test_a_policy_of_breakers_alone_keeps_the_limits(folder: Path) -> None:
    settings = loaded(folder, NAMED, mine=STRICT)
    assert settings.risk.model_copy(update={"breakers": RiskSettings().breakers}) == RiskSettings()


def test_an_empty_policy_is_the_shipped_one(folder: Path) -> None:
    assert loaded(folder, NAMED, mine="").risk == RiskSettings()


def test_what_decides_holds_the_policy_by_content_and_never_by_path(folder: Path) -> None:
    settings = loaded(folder, NAMED, mine=STRICT)
    stored = settings.deciding()
    assert str(folder) not in str(stored)
    assert Settings.model_validate(stored).risk == settings.risk
    assert settings.policy_hash == Settings.model_validate(stored).policy_hash != Settings().policy_hash


@pytest.mark.parametrize(
    ("settings", "mine", "said"),
    [
        (
            NAMED,
            "[limits]\nmax_spred_bps = 12\n",
            "mine.toml: unknown key limits.max_spred_bps, the nearest of",
        ),
        (NAMED, "[limits]\nmax_spread_bps = 101\n", "mine.toml: limits.max_spread_bps is 101"),
        (NAMED, "[limit]\nmax_spread_bps = 12\n", "mine.toml: unknown key limit, allowed are limits, breaker"),
        (NAMED, "limits = 4\n", "[limits] is a table"),
        (NAMED, "[limits]\nbreakers = []\n", "breakers stand as [[breaker]]"),
        (NAMED, "[limits", "is not TOML"),
        (NAMED, STANDARD.replace("at = 0.05\n", "at = 0.06\n"), "day_loss at 5 % sets halted (latch) is required"),
        (NAMED, STANDARD.replace('reads = "day_loss"', 'reads = "mood"'), "mine.toml: breaker.4.reads is 'mood'"),
        (NAMED, STANDARD.replace("quiet_s = 60", "quiet_seconds = 60"), "unknown key breaker.10.quiet_seconds"),
        (NAMED, 'breaker = "none"\n', "mine.toml: breaker"),
        ('[risk]\npolicy = "other.toml"\n', "", "other.toml cannot be read"),
        ("[risk]\npolicy = 4\n", "", "risk.policy is 4: it names a policy file"),
        ('[risk]\nshadow = ""\n', "", "risk.shadow is '': it names a policy file"),
        ("[risk]\nbreakers = []\n", "", "risk.breakers belongs into a policy file"),
        ('policy_source = "x"\n', "", "unknown key policy_source, allowed are mode"),
        ("[shadow]\nmax_spread_bps = 12\n", "", "unknown key shadow, allowed are mode"),
        ("[risk]\nmax_spred_bps = 12\n", "", "unknown key risk.max_spred_bps"),
    ],
)
def test_what_is_no_policy_is_refused_in_one_sentence(folder: Path, settings: str, mine: str, said: str) -> None:
    told = refused(folder, settings, mine=mine)
    assert said in told
    assert "\n" not in told


# Tightening one.

BASE = """[limits]
max_spread_bps = 20
duplicate_window_s = 120
max_open_orders = 10
market_slippage = 0.02
approval = "tainted"
restricted = ["DOGE/USDT"]
"""


@pytest.mark.parametrize(
    "own",
    [
        "max_spread_bps = 19",
        "max_spread_bps = 20",
        "duplicate_window_s = 121",
        "max_open_orders = 1",
        "market_slippage = 0.03",
        'approval = "always"',
        'restricted = ["DOGE/USDT"]',
        "max_asset_exposure = 0.2",
    ],
)
def test_the_settings_may_tighten_a_policy_and_set_what_it_leaves_out(folder: Path, own: str) -> None:
    name, value = own.split(" = ")
    settings = loaded(folder, f"{NAMED}{own}\n", mine=BASE)
    assert str(getattr(settings.risk, name)) in value.replace("[", "(").replace("]", ",)").replace('"', "'")


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("max_spread_bps = 21", "risk.max_spread_bps is 21, and may only tighten the policy file, which says 20"),
        ("duplicate_window_s = 119", "risk.duplicate_window_s is 119"),
        ("max_open_orders = 11", "risk.max_open_orders is 11"),
        ("market_slippage = 0.01", "risk.market_slippage is 0.01"),
        ('approval = "over"', "risk.approval is over"),
        ('approval = "never"', "risk.approval is never"),
        ("restricted = []", "risk.restricted is []"),
    ],
)
def test_the_settings_cannot_loosen_a_policy(folder: Path, own: str, said: str) -> None:
    assert said in refused(folder, f"{NAMED}{own}\n", mine=BASE)


def test_every_limit_that_a_ceiling_holds_from_below_is_tighter_when_it_is_larger() -> None:
    floors = {getattr(ceilings, name) for name in dir(ceilings) if name.startswith("MIN_")}
    held = {
        name
        for name, field in RiskSettings.model_fields.items()
        if any(getattr(m, "ge", None) in floors for m in field.metadata if getattr(m, "ge", None))
    }
    assert held
    assert held <= LARGER_IS_TIGHTER <= RiskSettings.model_fields.keys()


# The shadow.


def test_a_shadow_policy_is_read_beside_the_active_one_and_decides_nothing(folder: Path) -> None:
    settings = loaded(folder, '[risk]\nshadow = "mine.toml"\nmax_spread_bps = 12\n', mine=STRICT)
    assert settings.shadow is not None
    assert (day_halt(settings.shadow), day_halt(settings.risk)) == ("0.03", "0.05")
    assert settings.policy_hash == loaded(folder, "[risk]\nmax_spread_bps = 12\n").policy_hash
    assert settings.shown()["shadow"] == settings.shadow.policy_hash


# What differs.


def test_policies_differ_leaf_by_leaf() -> None:
    before = {
        "max_spread_bps": "30",
        "owners": {},
        "breakers": [{"name": "day", "at": "0.05"}, {"name": "old", "at": "1"}],
    }
    after: JSON = {"max_spread_bps": "12", "owners": {}, "breakers": [{"name": "day", "at": "0.04"}]}
    assert differences(before, after) == [
        {"what": "max_spread_bps", "before": "30", "after": "12"},
        {"what": "breakers.day.at", "before": "0.05", "after": "0.04"},
        {"what": "breakers.old.name", "before": "old", "after": None},
        {"what": "breakers.old.at", "before": "1", "after": None},
    ]
    assert differences(after, after) == []


def test_a_policy_file_is_compared_with_what_is_in_force(folder: Path) -> None:
    (folder / "mine.toml").write_text(f"[limits]\nmax_spread_bps = 12\n{STRICT}")
    told = policies.compared(folder / "mine.toml", RiskSettings())
    assert told["policy_hash"] == policy_of(folder / "mine.toml").policy_hash != told["active_hash"]
    assert told["changed"] == [
        {"what": "max_spread_bps", "before": "30", "after": "12"},
        {"what": "breakers.day_halt.at", "before": "0.05", "after": "0.03"},
    ]


# Coming into force.


def entries(home: Home, account_id: str) -> list[Any]:
    with books_of(home) as books:
        return [e.body for e in books.read(lambda conn: journal.entries(conn, account_id)) if e.kind == "policy"]


async def test_the_policy_of_a_run_is_journaled_once(home: Home) -> None:
    result = await run(home, moment(BUYS_NOTHING))
    await run(home, moment(BUYS_NOTHING))
    (entry,) = entries(home, result.account_id)
    assert (entry["policy"], entry["before"], entry["changed"]) == (RiskSettings().policy_hash, None, [])


async def test_a_changed_policy_is_journaled_with_both_hashes_and_what_differs(home: Home) -> None:
    result = await run(home, moment(BUYS_NOTHING))
    tighter = tightened(max_spread_bps="12").risk
    with books_of(home) as books:
        for expected in (True, False):
            noted = books.write(lambda conn: policies.note(conn, result.account_id, tighter, "mine.toml", 9))
            assert noted is expected
    assert entries(home, result.account_id)[1:] == [
        {
            "policy": tighter.policy_hash,
            "before": RiskSettings().policy_hash,
            "source": "mine.toml",
            "changed": [{"what": "max_spread_bps", "before": "30", "after": "12"}],
        }
    ]


async def test_going_back_to_a_policy_is_a_change_too(home: Home) -> None:
    result = await run(home, moment(BUYS_NOTHING))
    with books_of(home) as books:
        for policy in (tightened(max_spread_bps="12").risk, RiskSettings()):
            books.write(lambda conn, policy=policy: policies.note(conn, result.account_id, policy, "x", 9))  # type: ignore[misc]
    hashes = [entry["policy"] for entry in entries(home, result.account_id)]
    assert hashes == [RiskSettings().policy_hash, tightened(max_spread_bps="12").risk.policy_hash, hashes[0]]


async def test_the_journaled_hash_is_that_of_the_stored_policy(home: Home) -> None:
    from memory.books import blobs

    result = await run(home, moment(BUYS_NOTHING))
    (entry,) = entries(home, result.account_id)
    with books_of(home) as books:
        stored = books.read(lambda conn: blobs.get_json(conn, entry["policy"]))
    assert digest(stored) == entry["policy"]
    assert RiskSettings.model_validate(stored) == RiskSettings()
