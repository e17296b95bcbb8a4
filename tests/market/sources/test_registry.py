from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.errors import ConfigError
from market.sources.context import Context
from market.sources.items import Abstention, Source
from market.sources.registry import GROUP, identities, sources_of
from market.sources.secrets import NAMES, Secrets
from market.sources.settings import BUILT_IN, SourcesSettings
from tests.market.sources.desk import KEYS, NOON, Patience, Server, context_of, web_of

Install = Callable[..., str]
_NUMBERS = count()

SOURCE = """
from market.sources.items import Batch, RawText

class Tea:
    name = "tea"
    cadence_s = 60

    def __init__(self, context):
        self.leaves = context.settings.plugins.get("tea", {}).get("leaves", "green")

    async def poll(self, since_ns):
        return Batch((RawText("1", f"The {self.leaves} leaves say Bitcoin", None),))
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution with one source where Python looks for it, as an installer leaves it. Answers its module."""

    def installed(source: str = SOURCE, name: str = "tea", attr: str = "Tea", version: str = "1.2") -> str:
        module = f"house_sources_{next(_NUMBERS)}"
        folder = tmp_path / module
        info = folder / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        (folder / f"{module}.py").write_text(source)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {module}:{attr}\n")
        monkeypatch.syspath_prepend(str(folder))
        return module

    return installed


async def sources(*enabled: str, keys: dict[str, str] | None = None, **settings: object) -> tuple[Source, ...]:
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        return sources_of(context_of(server, web, patience, keys, enabled=enabled, **settings))


async def test_without_settings_nothing_is_read_from_outside() -> None:
    assert SourcesSettings().enabled == ()
    assert await sources() == ()


async def test_every_built_in_source_can_be_made() -> None:
    found = await sources(*BUILT_IN, pages=({"name": "a", "url": "https://x.example/"},))
    assert all(isinstance(source, Source) and source.cadence_s >= 1 for source in found)
    assert {source.name.split(":")[0] for source in found} == {"page" if n == "pages" else n for n in BUILT_IN}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cryptopanic", "set TRADEWARDEN_CRYPTOPANIC_TOKEN"),
        ("newsapi", "set TRADEWARDEN_NEWSAPI_KEY"),
        ("reddit", "set TRADEWARDEN_REDDIT_ID and TRADEWARDEN_REDDIT_SECRET"),
        ("x", "set TRADEWARDEN_X_BEARER"),
        ("coinmarketcap", "set TRADEWARDEN_COINMARKETCAP_KEY"),
    ],
)
async def test_a_source_without_its_key_abstains_and_names_it(name: str, says: str) -> None:
    (source,) = await sources(name, keys={})
    answer = await source.poll(0)
    assert isinstance(answer, Abstention)
    assert (answer.source, answer.at_ns) == (name, NOON)
    assert says in answer.reason


async def test_a_source_without_its_node_its_pages_or_its_wallets_abstains(tmp_path: Path) -> None:
    (tmp_path / "none.toml").write_text("version = 1\n")
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        context = context_of(
            server, web, patience, enabled=("pages", "signals", "bitcoin-flows"), wallets=str(tmp_path / "none.toml")
        )
        answers = [await source.poll(0) for source in sources_of(context)]
        reasons = [answer.reason for answer in answers if isinstance(answer, Abstention)]
    assert reasons == [
        "no page is named in sources.pages",
        "no signal is polled: none has a url",
        "the wallet list names no exchange's wallet on Bitcoin",
    ]
    async with web_of(patience) as web:
        nowhere = Context(
            web, patience.clock, SourcesSettings(enabled=("gas", "ethereum-flows", "ethereum-watch")), Secrets({})
        )
        silent = [await source.poll(0) for source in sources_of(nowhere)]
    assert len(silent) == 3
    assert all(isinstance(a, Abstention) and "TRADEWARDEN_ETHEREUM_" in a.reason for a in silent)


async def test_a_name_that_is_no_source_refuses_to_start() -> None:
    with pytest.raises(ConfigError, match=r"names 'horoscope'; allowed are rss, pages, .*signals"):
        await sources("rss", "horoscope")


async def test_a_source_that_is_named_twice_refuses_to_start() -> None:
    with pytest.raises(ConfigError, match="two sources are called fear-greed"):
        await sources("fear-greed", "fear-greed")


async def test_an_installed_source_is_found_by_its_name_and_gets_its_options(install: Install) -> None:
    module = install()
    assert identities() == {"tea": f"{module} 1.2 {module}:Tea"}
    assert await sources("fear-greed") != ()
    (source,) = await sources("tea", plugins={"tea": {"leaves": "black"}})
    batch = await source.poll(0)
    assert not isinstance(batch, Abstention)
    assert batch.texts[0].headline == "The black leaves say Bitcoin"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("Tea = 7", "cannot be loaded as a source: TypeError"),
        ("raise RuntimeError('s3cr3t')", "cannot be loaded as a source: RuntimeError"),
        ("Tea = lambda context: object()", "is no source"),
        (SOURCE.replace('name = "tea"', 'name = "rss"'), "calls itself 'rss'"),
        (SOURCE.replace("cadence_s = 60", "cadence_s = 0"), "every 0 s"),
        (SOURCE.replace("cadence_s = 60", "cadence_s = '60'"), "is no source"),
    ],
)
async def test_an_installed_thing_that_is_no_source_refuses_to_start(install: Install, source: str, says: str) -> None:
    install(source)
    with pytest.raises(ConfigError, match=says) as refused:
        await sources("tea")
    assert "s3cr3t" not in str(refused.value)


async def test_a_plug_in_may_not_take_a_built_in_name_nor_one_that_is_taken(install: Install) -> None:
    install(name="rss")
    with pytest.raises(ConfigError, match="calls itself rss, which is built in"):
        await sources()


async def test_two_plug_ins_of_one_name_refuse_to_start(install: Install) -> None:
    install()
    install()
    with pytest.raises(ConfigError, match="both call themselves tea"):
        await sources()


def test_keys_are_read_from_the_environment_by_their_own_names_only() -> None:
    found = Secrets(
        {"TRADEWARDEN_NEWSAPI_KEY": "k", "TRADEWARDEN_HOME": "/x", "PATH": "/bin", "TRADEWARDEN_X_BEARER": ""}
    )
    assert found.get("NEWSAPI_KEY") == "k"
    assert found.get("HOME") is None
    assert found.missing("NEWSAPI_KEY") == ""
    assert found.missing("X_BEARER") == "no key: set TRADEWARDEN_X_BEARER in the environment or .env"
    assert set(KEYS) - set(NAMES) == {"SIGNAL_GURU"}


def test_keys_show_in_no_representation_and_are_taken_out_of_words() -> None:
    url = "https://eth-mainnet.example/v2/abcdefgh12345678"
    found = Secrets({"TRADEWARDEN_NEWSAPI_KEY": "n-s3cr3t-4711", "TRADEWARDEN_ETHEREUM_RPC": url})
    assert repr(found) == "Secrets(ETHEREUM_RPC, NEWSAPI_KEY)"
    said = found.scrubbed(f"GET {url} with n-s3cr3t-4711 and abcdefgh12345678")
    assert said == "GET *** with *** and ***"


@pytest.mark.parametrize(
    "wrong",
    [
        {"feeds": [{"name": "a", "url": "ftp://x.example/"}]},
        {"feeds": [{"name": "a", "url": "https://user:pw@x.example/"}]},
        {"feeds": [{"name": "A!", "url": "https://x.example/"}]},
        {"newsapi_key": "k"},
        {"per_minute": 0},
        {"signals": [{"name": "a", "asset": "btc"}]},
        {"repositories": {"BTC": "bitcoin"}},
        {"contracts": [{"name": "a", "address": "0x1", "topic": "0x2"}]},
        {"assets": []},
    ],
)
def test_settings_that_name_nothing_or_hold_a_password_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SourcesSettings.model_validate(wrong)
