import pytest

from core.errors import ConfigError
from tests.tools.builders import context
from tools import market
from tools.registry import TOOLS, bind, catalogue


def test_two_tools_of_one_name_refuse_to_start() -> None:
    with pytest.raises(ConfigError, match="two tools are named 'market_snapshot'"):
        catalogue(market.TOOLS, market.TOOLS)


def test_each_tool_is_found_under_its_own_name() -> None:
    assert all(spec.name == name for name, spec in TOOLS.items())


def test_a_toolbox_offers_every_tool_in_order_and_has_spent_nothing() -> None:
    toolbox = bind(context())
    assert toolbox.names == tuple(sorted(TOOLS))
    assert toolbox.spent == 0
