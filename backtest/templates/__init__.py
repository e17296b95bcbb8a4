"""What `warden backtest new` writes: a strategy that runs as it is, and a workflow that checks it with every change."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from core.errors import ConfigError
from tools.strategies.targets import OURS

WORKFLOW: Final = Path(".github/workflows/strategies.yml")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


def strategy(name: str) -> str:
    """The source of a strategy of this name. ConfigError for a name that no module can have."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"a name has small letters, digits and _, a letter first, 40 at most: found {name!r}")
    taken = name in OURS or keyword.iskeyword(name) or name in sys.stdlib_module_names or find_spec(name) is not None
    if taken:
        raise ConfigError(f"{name} is the name of something else here: a file of that name would stand before it")
    made = "".join(part.capitalize() for part in name.split("_"))
    return _text("strategy.txt").replace("NAMED", name).replace("Named", made)


def workflow() -> str:
    """Checks every strategy of the repository, in GitHub Actions."""
    return _text("workflow.yml")


def write(folder: Path, name: str, *, with_workflow: bool) -> list[Path]:
    """Writes `name`.py into the folder, and the workflow. ConfigError where one is there: nothing is written over."""
    wanted = {folder / f"{name}.py": strategy(name)}
    if with_workflow:
        wanted[folder / WORKFLOW] = workflow()
    for path in wanted:
        if path.exists():
            raise ConfigError(f"{path} is there already, and is not written over")
    for path, text in wanted.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from None
    return list(wanted)


def _text(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
