"""Every tool that agents may call, by name. `bind` gives one cycle its toolbox."""

from collections.abc import Iterable, Mapping

from core.errors import ConfigError
from tools import indicators, market, portfolio, sizing
from tools.context import ToolContext
from tools.spec import ToolSpec
from tools.toolbox import Toolbox

# Units a cycle. The desk's own stages spend about ten a symbol; the rest is for a model that likes to look around.
BUDGET = 1_000


def catalogue(*groups: Iterable[ToolSpec]) -> Mapping[str, ToolSpec]:
    """Tools by name. Two of one name refuse to start: a call must have one meaning."""
    tools: dict[str, ToolSpec] = {}
    for spec in (spec for group in groups for spec in group):
        if spec.name in tools:
            raise ConfigError(f"two tools are named {spec.name!r}; each name is allowed once")
        tools[spec.name] = spec
    return tools


TOOLS = catalogue(market.TOOLS, indicators.TOOLS, portfolio.TOOLS, sizing.TOOLS)


def bind(context: ToolContext, *, budget: int = BUDGET) -> Toolbox:
    """The tools of one cycle, which may spend `budget` units."""
    return Toolbox(context, TOOLS, budget)
