from pathlib import Path

import pytest

from core.errors import ConfigError
from market.sources.chain.wallets import parse, wallets
from tests.market.sources.chain.node import BINANCE

GOOD = f'''version = 3
[[list]]
exchange = "x"
source = "https://x.example/wallets"
read = 2024-01-01
ethereum = ["{BINANCE.upper().replace("X", "x")}"]
'''


def test_the_shipped_list_names_wallets_that_exchanges_published() -> None:
    found = wallets()
    assert set(found.bitcoin.values()) == set(found.ethereum.values()) == {"binance", "bitfinex"}
    assert found.ethereum[BINANCE] == "binance"
    assert [token.asset for token in found.tokens] == ["USDT", "USDC"]


def test_a_list_has_a_version_that_changes_with_its_content() -> None:
    one, other = parse(GOOD.encode(), "a"), parse(GOOD.replace("2024", "2025").encode(), "a")
    assert one.version.startswith("3-")
    assert one.version != other.version
    assert one.ethereum == {BINANCE: "x"}


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("version = 3", "", "has no version"),
        ('source = "https://x.example/wallets"', "", "source None"),
        ("read = 2024-01-01", 'read = "lately"', "date 'lately'"),
        ("0x28", "0x2", "is no address of ethereum"),
        ("[[list]]", "[[list", "is not TOML"),
    ],
)
def test_an_entry_without_source_date_or_address_refuses_the_list(was: str, becomes: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse(GOOD.replace("0X", "0x").replace(was, becomes).encode(), "own.toml")


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        wallets(str(tmp_path / "none.toml"))
