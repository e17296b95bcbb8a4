"""Settings come from one file, may only tighten, and keep their secrets."""

from decimal import Decimal
from pathlib import Path

import pytest

from core.errors import ConfigError
from desk.home import Home
from desk.settings import BUS_URL, DATABASE_URL, MASK, Settings, load, source
from risk import ceilings

URL = "postgresql://warden:hunter2@db.internal/desk"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.make()
    return made


def loaded(home: Home, folder: Path, text: str | bytes | None = None, **environment: str) -> Settings:
    if text is not None:
        (folder / "warden.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(home, folder=folder, environment=environment)


def refusal(home: Home, folder: Path, text: str | bytes, **environment: str) -> str:
    with pytest.raises(ConfigError) as refused:
        loaded(home, folder, text, **environment)
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_without_any_file_the_defaults_hold(home: Home, folder: Path) -> None:
    assert loaded(home, folder) == Settings()
    assert source(home, folder) == "no file: the defaults"


def test_an_empty_file_is_the_defaults(home: Home, folder: Path) -> None:
    assert loaded(home, folder, "") == Settings()


def test_the_working_folder_comes_before_the_home(home: Home, folder: Path) -> None:
    home.settings.write_text('[account]\nid = "from-home"\n')
    assert loaded(home, folder).account.id == "from-home"
    assert source(home, folder) == str(home.settings)
    assert loaded(home, folder, '[account]\nid = "from-folder"\n').account.id == "from-folder"
    assert source(home, folder) == str(folder / "warden.toml")


def test_the_two_files_are_not_mixed(home: Home, folder: Path) -> None:
    home.settings.write_text("[risk]\nmax_open_orders = 3\n")
    assert loaded(home, folder, '[account]\nid = "other"\n').risk == Settings().risk


# Limits


def test_a_limit_at_its_ceiling_is_allowed(home: Home, folder: Path) -> None:
    text = f"[risk]\nmax_asset_exposure = {ceilings.MAX_ASSET_EXPOSURE}\n"
    assert loaded(home, folder, text).risk.max_asset_exposure == ceilings.MAX_ASSET_EXPOSURE


def test_a_limit_looser_than_its_ceiling_is_refused(home: Home, folder: Path) -> None:
    told = refusal(home, folder, "[risk]\nmax_asset_exposure = 0.21\n")
    assert "risk.max_asset_exposure is '0.21'" in told
    assert "less than or equal to 0.2" in told


def test_a_floor_lower_than_its_ceiling_is_refused(home: Home, folder: Path) -> None:
    told = refusal(home, folder, "[risk]\nmin_liquidation_distance = 0.09\n")
    assert "risk.min_liquidation_distance is '0.09'" in told


@pytest.mark.parametrize("value", ["nan", "inf", '"much"', "true", "-0.1", "0"])
def test_a_limit_that_is_no_sound_number_is_refused(home: Home, folder: Path, value: str) -> None:
    assert "risk.max_asset_exposure" in refusal(home, folder, f"[risk]\nmax_asset_exposure = {value}\n")


def test_two_faults_are_told_in_one_sentence(home: Home, folder: Path) -> None:
    told = refusal(home, folder, "[risk]\nmax_asset_exposure = 0.21\nmax_gross_exposure = 9\n")
    assert "max_asset_exposure" in told
    assert "max_gross_exposure" in told


def test_a_tighter_limit_is_another_policy(home: Home, folder: Path) -> None:
    assert loaded(home, folder, "[risk]\nmax_asset_exposure = 0.1\n").policy_hash != Settings().policy_hash


# Keys


def test_an_unknown_key_is_refused_with_the_allowed_ones(home: Home, folder: Path) -> None:
    told = refusal(home, folder, "[risk]\nmax_asset_exposre = 0.1\n")
    assert "unknown key risk.max_asset_exposre, the nearest of" in told
    assert "allowed are max_asset_exposure, " in told


def test_an_unknown_table_is_refused_with_the_allowed_ones(home: Home, folder: Path) -> None:
    told = refusal(home, folder, "[rsk]\nmax_asset_exposure = 0.1\n")
    known = "mode, account, market, venue, bus, compute, risk, execution, models, llm, recall, api, signals"
    assert told.endswith(f"unknown key rsk, allowed are {known}")


def test_an_unknown_key_two_tables_deep_is_refused(home: Home, folder: Path) -> None:
    assert "unknown key execution.paper.fees, allowed are slippage" in refusal(
        home, folder, "[execution.paper]\nfees = 0\n"
    )


# How orders are worked


def test_orders_are_sent_whole_where_nothing_else_is_said() -> None:
    assert Settings().execution.work.rule() is None


def test_a_way_of_working_is_part_of_what_decides(home: Home, folder: Path) -> None:
    settings = loaded(home, folder, '[execution.work]\nkind = "twap"\nslices = 4\n')
    rule = settings.execution.work.rule()
    assert rule is not None
    assert (rule.kind, rule.slices, rule.above_notional) == ("twap", 4, Decimal(10000))
    assert settings.policy_hash != Settings().policy_hash


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('kind = "vwap"', "execution.work.kind is 'vwap'"),
        ("slices = 501", "execution.work.slices is 501"),
        ("display_share = 0.001", "execution.work.display_share"),
        ("jitter = 1", "execution.work.jitter"),
        ("reach = 0.051", "execution.work.reach"),
        ('kind = "chase"\nduration_s = 9', "a chase of 9 s moves every 1 to 9 s, found 10"),
        ('kind = "chase"\nduration_s = 5001', "a chase of 5001 s moves every 11 to 5001 s, found 10"),
        ("slice = 4", "unknown key execution.work.slice, allowed are kind, above_notional"),
    ],
)
def test_a_way_of_working_that_no_parent_could_have_is_refused(home: Home, folder: Path, text: str, told: str) -> None:
    assert told in refusal(home, folder, f"[execution.work]\n{text}\n")


# Modes


def test_a_mode_that_does_not_exist_is_refused(home: Home, folder: Path) -> None:
    assert "mode is 'dry-run'" in refusal(home, folder, 'mode = "dry-run"\n')


@pytest.mark.parametrize("mode", ["testnet", "live"])
def test_a_mode_that_trades_at_a_venue_without_one_is_refused(home: Home, folder: Path, mode: str) -> None:
    assert f"venue: mode {mode} needs the name of a venue" in refusal(home, folder, f'mode = "{mode}"\n')
    told = refusal(home, folder, f'mode = "{mode}"\n[venue]\nleverage = 1\n')
    assert "needs the name of a venue" in told


def test_a_venue_that_nobody_knows_is_refused_with_those_near_to_it(home: Home, folder: Path) -> None:
    told = refusal(home, folder, 'mode = "live"\n[venue]\nname = "binnance"\n')
    assert "found 'binnance', near to it are binance" in told


@pytest.mark.parametrize("venue", ["kraken", "coinbase"])
def test_a_testnet_that_does_not_exist_is_refused(home: Home, folder: Path, venue: str) -> None:
    table = f'[venue]\nname = "{venue}"\n'
    assert f"{venue} has no testnet" in refusal(home, folder, f'mode = "testnet"\n{table}')
    assert loaded(home, folder, f'mode = "live"\n{table}').mode == "live"


def test_contracts_that_a_venue_was_not_checked_for_are_refused(home: Home, folder: Path) -> None:
    told = refusal(home, folder, 'mode = "live"\n[venue]\nname = "binance"\nkind = "perpetual"\n')
    assert "its perpetuals are binanceusdm" in told


def test_leverage_at_its_ceiling_is_allowed_and_beyond_it_refused(home: Home, folder: Path) -> None:
    text = 'mode = "testnet"\n[venue]\nname = "bybit"\nkind = "perpetual"\nleverage = {}\n'
    assert loaded(home, folder, text.format(3)).venue.leverage == 3
    assert "venue.leverage is 4" in refusal(home, folder, text.format(4))
    assert "venue.leverage is 0" in refusal(home, folder, text.format(0))


def test_on_paper_no_venue_is_needed_and_a_wrong_one_is_refused_all_the_same(home: Home, folder: Path) -> None:
    assert loaded(home, folder, 'mode = "paper"\n').venue.name == ""
    assert "binnance" in refusal(home, folder, '[venue]\nname = "binnance"\n')


@pytest.mark.parametrize("text", ["[risk", "max = = 1", "risk: {}", b"\xff\xfe\x00"])
def test_a_file_that_is_not_toml_is_refused(home: Home, folder: Path, text: str | bytes) -> None:
    assert f"{folder / 'warden.toml'} is not TOML" in refusal(home, folder, text)


def test_a_settings_file_that_is_a_folder_is_refused(home: Home, folder: Path) -> None:
    (folder / "warden.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        load(home, folder=folder, environment={})


# Secrets


def test_a_database_url_in_the_file_is_refused(home: Home, folder: Path) -> None:
    told = refusal(home, folder, f'database_url = "{URL}"\n')
    assert DATABASE_URL in told
    assert "hunter2" not in told


def test_the_environment_gives_the_database_url(home: Home, folder: Path) -> None:
    found = loaded(home, folder, **{DATABASE_URL: URL}).database_url
    assert found is not None
    assert found.get_secret_value() == URL


def test_the_environment_comes_before_the_dotenv_file(home: Home, folder: Path) -> None:
    (folder / ".env").write_text(f"{DATABASE_URL}=sqlite:///dotenv.db\n")
    from_file, from_both = loaded(home, folder).database_url, loaded(home, folder, **{DATABASE_URL: URL}).database_url
    assert from_file is not None
    assert from_both is not None
    assert (from_file.get_secret_value(), from_both.get_secret_value()) == ("sqlite:///dotenv.db", URL)


def test_a_limit_cannot_come_from_the_environment(home: Home, folder: Path) -> None:
    assert loaded(home, folder, TRADEWARDEN_RISK__MAX_ASSET_EXPOSURE="0.01", RISK="0").risk == Settings().risk


def test_what_is_shown_masks_the_secret(home: Home, folder: Path) -> None:
    settings = loaded(home, folder, **{DATABASE_URL: URL})
    assert settings.shown()["database_url"] == URL.replace("hunter2", MASK)
    assert "hunter2" not in repr(settings)


def test_a_password_among_the_options_of_the_url_is_masked_too(home: Home, folder: Path) -> None:
    settings = loaded(home, folder, **{DATABASE_URL: "postgresql://db.internal/desk?user=warden&password=hunter2"})
    assert "hunter2" not in str(settings.shown())


@pytest.mark.parametrize("url", ["memory", "redis://cache.internal:6379/0", "unix:///run/redis.sock?db=1"])
def test_the_file_names_the_bus(home: Home, folder: Path, url: str) -> None:
    settings = loaded(home, folder, f'[bus]\nurl = "{url}"\n')
    assert settings.bus.url == settings.shown()["bus"]["url"] == url
    assert settings.policy_hash == Settings().policy_hash


@pytest.mark.parametrize("url", ["redis://:hunter2@cache/0", "rediss://me:hunter2@cache", "unix:///r?password=hunter2"])
def test_a_bus_with_a_password_comes_from_the_environment_and_is_masked(home: Home, folder: Path, url: str) -> None:
    settings = loaded(home, folder, '[bus]\nurl = "redis://cache"\n', **{BUS_URL: url})
    assert settings.bus.url == url
    assert settings.shown()["bus"]["url"] == url.replace("hunter2", MASK)
    told = refusal(home, folder, f'[bus]\nurl = "{url}"\n')
    assert "bus.url carries a password" in told
    assert "hunter2" not in told


def test_a_bus_that_is_none_is_refused_without_repeating_what_may_be_a_secret(home: Home, folder: Path) -> None:
    told = refusal(home, folder, "", **{BUS_URL: "kafka://:hunter2@queue"})
    assert told == f"{BUS_URL} is no bus url: allowed are memory, redis://, rediss:// and unix://"
    assert "bus.url is 'kafka://queue'" in refusal(home, folder, '[bus]\nurl = "kafka://queue"\n')


def test_an_enabled_source_that_is_not_built_in_is_part_of_what_decides(
    home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = {"tea-leaves": "tea 1.0 tea:leaves", "idle": "idle 2.0 idle:source"}
    monkeypatch.setattr("market.sources.registry.identities", lambda: installed)
    text = '[market.sources]\nenabled = ["rss", "tea-leaves"]\n'
    settings = loaded(home, folder, text)
    assert settings.deciding()["source_plugins"] == {"tea-leaves": "tea 1.0 tea:leaves"}
    installed["tea-leaves"] = "tea 1.1 tea:leaves"
    assert loaded(home, folder, text).policy_hash != settings.policy_hash


def test_no_file_names_source_plugins(home: Home, folder: Path) -> None:
    assert "unknown key source_plugins" in refusal(home, folder, '[source_plugins]\nx = "y"\n')


def test_what_a_stream_may_wait_for_is_bounded(home: Home, folder: Path) -> None:
    assert "market.streams.silence_s is 121" in refusal(home, folder, "[market.streams]\nsilence_s = 121\n")
    assert "unknown key market.streams.silense_s" in refusal(home, folder, "[market.streams]\nsilense_s = 9\n")


def test_where_the_books_lie_is_no_part_of_the_policy(home: Home, folder: Path) -> None:
    assert loaded(home, folder, **{DATABASE_URL: URL}).policy_hash == Settings().policy_hash


# Home


def test_the_home_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRADEWARDEN_HOME", str(tmp_path / "desk"))
    assert Home.find().path == tmp_path / "desk"


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_without_a_name_the_home_is_the_platforms(monkeypatch: pytest.MonkeyPatch, blank: str | None) -> None:
    monkeypatch.delenv("TRADEWARDEN_HOME", raising=False)
    if blank is not None:
        monkeypatch.setenv("TRADEWARDEN_HOME", blank)
    assert Home.find().path.name == "tradewarden"


def test_a_home_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made"):
        Home(tmp_path / "file" / "home").make()


def test_paper_perpetuals_post_no_less_margin_than_the_policys_leverage_would(home: Home, folder: Path) -> None:
    said = refusal(home, folder, '[execution.paper]\nleverage = "2"')
    assert said.endswith("execution: paper.leverage is 2, risk.max_leverage allows 1")
    both = loaded(home, folder, '[risk]\nmax_leverage = "2"\n[execution.paper]\nleverage = "2"')
    assert both.execution.paper.leverage == 2
