"""Every tool that agents may call, by name. `bind` gives one cycle its toolbox."""

from collections.abc import Iterable, Mapping

from core.errors import ConfigError
from core.ports import Trials
from tools import backtests, indicators, market, portfolio, remembering, scorecards, sizing
from tools import documents as kept
from tools.context import ToolContext
from tools.documents import Documents
from tools.remembering import Memory
from tools.scorecards import Judge
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


_PLAIN = catalogue(market.TOOLS, indicators.TOOLS, portfolio.TOOLS, sizing.TOOLS)


def tools(
    memory: Memory | None = None,
    judge: Judge | None = None,
    documents: Documents | None = None,
    trials: Trials | None = None,
) -> Mapping[str, ToolSpec]:
    """All tools. What one is given for its own use stays in it: no other tool sees the memory or the forecasters."""
    own = (remembering.tools(memory), scorecards.tools(judge), kept.tools(documents), backtests.tools(trials))
    return catalogue(_PLAIN.values(), *own)


TOOLS = tools()


def bind(
    context: ToolContext,
    *,
    memory: Memory | None = None,
    judge: Judge | None = None,
    documents: Documents | None = None,
    trials: Trials | None = None,
    budget: int = BUDGET,
) -> Toolbox:
    """The tools of one cycle, which may spend `budget` units."""
    return Toolbox(context, tools(memory, judge, documents, trials), budget)
