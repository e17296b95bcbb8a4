"""Prompts are files with a version and a hash, so that a record says exactly what a model was asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Template

from core.canonical import digest_bytes
from core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Prompt:
    name: str
    version: int
    text: Template
    hash: str


class Prompts:
    """Every template of the `prompts` folder. The first line is `version: N`; the hash covers the whole file."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._prompts = {name: _parse(name, source) for name, source in sorted(sources.items())}

    @classmethod
    def load(cls) -> "Prompts":
        found = [f for f in files("prompts").iterdir() if f.name.endswith(".md")]
        return cls({f.name.removesuffix(".md"): f.read_text(encoding="utf-8") for f in found})

    @property
    def hashes(self) -> Mapping[str, str]:
        """'name@version' to hash, for the record."""
        return {f"{p.name}@{p.version}": p.hash for p in self._prompts.values()}

    def render(self, name: str, /, **values: object) -> str:
        """Fills the template. A missing value is an error; one that is not asked for too."""
        prompt = self._prompts.get(name)
        if prompt is None:
            raise ConfigError(f"no prompt is named {name!r}; there are {', '.join(self._prompts)}")
        wanted = set(prompt.text.get_identifiers())
        if wanted != set(values):
            raise ConfigError(f"prompt {name!r} takes {sorted(wanted)}, found {sorted(values)}")
        return prompt.text.substitute({key: str(value) for key, value in values.items()})


def _parse(name: str, source: str) -> Prompt:
    head, _, body = source.partition("\n")
    if not head.startswith("version: ") or not head.removeprefix("version: ").isdigit():
        raise ConfigError(f"prompt {name!r} must begin with 'version: N', found {head!r}")
    number = int(head.removeprefix("version: "))
    return Prompt(name, number, Template(body.lstrip("\n")), digest_bytes(source.encode()))
