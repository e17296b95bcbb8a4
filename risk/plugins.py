"""Rules of the operator's own, from the entry point `tradewarden.rules`. They may only deny new risk.

A plug-in is code that the operator trusts: it runs beside ours, its name, version and source go into the policy hash,
and one that is not a rule keeps the desk from starting.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from itertools import pairwise
from pathlib import Path
from typing import Final, get_args

from core.canonical import digest, digest_bytes
from core.errors import ConfigError
from risk.codes import DenialCode
from risk.rules.base import Layer, Rule
from risk.settings import RiskSettings

GROUP: Final = "tradewarden.rules"

_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]*")
_METHODS: Final = tuple(name for name, member in vars(Rule).items() if callable(member) and not name.startswith("_"))


def load() -> tuple[Rule, ...]:
    """Every plug-in rule that is installed, by code. One that cannot be accepted raises ConfigError."""
    return tuple(plugin.rule for plugin in _installed())


def identities() -> Mapping[str, str]:
    """What each plug-in is, by code: 'distribution version module:attribute sha256-of-its-source'."""
    return {plugin.rule.code: plugin.identity for plugin in _installed()}


@dataclass(frozen=True, slots=True)
class _Plugin:
    rule: Rule
    origin: str
    source: str

    @property
    def identity(self) -> str:
        return f"{self.origin} {self.source}"


def _installed() -> tuple[_Plugin, ...]:
    plugins = sorted((_plugin(entry) for entry in entry_points(group=GROUP)), key=lambda plugin: plugin.rule.code)
    for one, other in pairwise(plugins):
        if one.rule.code == other.rule.code:
            raise ConfigError(f"{one.origin} and {other.origin} both say {one.rule.code}: a code names one rule")
    return tuple(plugins)


def _plugin(entry: EntryPoint) -> _Plugin:
    origin = f"{entry.module}:{entry.attr}"
    if entry.dist is not None:
        origin = f"{entry.dist.name} {entry.dist.version} {origin}"
    try:
        rule = entry.load()()
        source = source_hash(entry.module)
    except Exception as broken:
        allowed = "allowed is a class that needs no arguments"
        raise ConfigError(f"{origin} cannot be loaded as a rule: {broken!r}, {allowed}") from broken
    if problem := _problem(rule):
        raise ConfigError(f"{origin} is no rule: {problem}")
    return _Plugin(rule, origin, source)


def _problem(rule: object) -> str | None:
    """What keeps an object from being a rule that may only deny new risk: what was found, and what is allowed."""
    for name, (fits, allowed) in _ATTRIBUTES.items():
        if not hasattr(rule, name):
            return f"`{name}` is missing, allowed is {allowed}"
        if not fits(found := getattr(rule, name)):
            return f"`{name}` is {found!r}, allowed is {allowed}"
    return None


def source_hash(module: str) -> str:
    """Of everything that the module's top package brings, since a plug-in may call what lies beside it."""
    top = import_module(module.partition(".")[0])
    if top.__file__ is None:
        raise ConfigError(f"{top.__name__} has no file of its own")
    path = Path(top.__file__)
    if not hasattr(top, "__path__"):
        return digest_bytes(path.read_bytes())
    files = (file for file in path.parent.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return digest({file.relative_to(path.parent).as_posix(): digest_bytes(file.read_bytes()) for file in files})


def _is_bool(found: object) -> bool:
    return isinstance(found, bool)


def _is_text(found: object) -> bool:
    return isinstance(found, str) and bool(found)


def _is_new_code(found: object) -> bool:
    return isinstance(found, str) and _CODE.fullmatch(found) is not None and found not in DenialCode.__members__


def _is_setting(found: object) -> bool:
    return found is None or (isinstance(found, str) and found in RiskSettings.model_fields)


_ATTRIBUTES: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "code": (_is_new_code, "upper-case letters, digits and _, and none of the desk's own codes"),
    "layer": (lambda found: found in get_args(Layer), f"one of {', '.join(get_args(Layer))}"),
    "unit": (_is_text, "a text"),
    "floor": (_is_bool, "True or False"),
    "scales": (_is_bool, "True or False"),
    "binds_exits": (lambda found: found is False, "False: a plug-in may only deny new risk"),
    "person_may": (_is_bool, "True or False"),
    "setting": (_is_setting, "None or a limit of the policy"),
    "fixed": (_is_text, "a text"),
    "missing": (_is_text, "a text"),
    **dict.fromkeys(_METHODS, (callable, "a method")),
}
