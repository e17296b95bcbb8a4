"""Working strategies by name: those of one symbol whose parameters are numbers and words, so that sets are rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tools.strategies.dca import DollarCostAveraging
from tools.strategies.grid import Grid
from tools.strategies.parameters import Parameters
from tools.strategies.smart_trade import SmartTrade

WORKING: Final[Mapping[str, type[Parameters]]] = {"dca": DollarCostAveraging, "grid": Grid, "smart": SmartTrade}
