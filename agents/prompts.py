"""Prompts are files with a version and a hash, so that a record says exactly what a model was asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Final

from core.canonical import digest_bytes
from core.errors import ConfigError

PART: Final = "---"


@dataclass(frozen=True, slots=True)
class Prompt:
    """`stable` is the same for every question, and comes first, so that a server reads it once; `text` is filled."""

    name: str
    version: int
    stable: str
    text: Template
    hash: str


class Prompts:
    """Every template of the `prompts` folder. The first line is `version: N`; the hash covers the whole file.

    What stands above a line of three hyphens is the same for every question, and has no values.
    """

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

    @property
    def words(self) -> str:
        """All that the templates say."""
        return "\n".join(f"{p.stable}\n{p.text.template}" for p in self._prompts.values())

    def render(self, name: str, /, **values: object) -> str:
        """Fills the template. A missing value is an error; one that is not asked for too."""
        prompt = self._named(name)
        wanted = set(prompt.text.get_identifiers())
        if wanted != set(values):
            raise ConfigError(f"prompt {name!r} takes {sorted(wanted)}, found {sorted(values)}")
        return prompt.text.substitute({key: str(value) for key, value in values.items()})

    def system(self, *names: str) -> str:
        """The stable parts of these prompts, one after the other."""
        return "\n\n".join(self._named(name).stable for name in names)

    def _named(self, name: str) -> Prompt:
        prompt = self._prompts.get(name)
        if prompt is None:
            raise ConfigError(f"no prompt is named {name!r}; there are {', '.join(self._prompts)}")
        return prompt


def _parse(name: str, source: str) -> Prompt:
    head, _, body = source.partition("\n")
    if not head.startswith("version: ") or not head.removeprefix("version: ").isdigit():
        raise ConfigError(f"prompt {name!r} must begin with 'version: N', found {head!r}")
    number = int(head.removeprefix("version: "))
    stable, parted, asked = body.partition(f"\n{PART}\n")
    return Prompt(
        name,
        number,
        stable.strip() if parted else "",
        Template((asked if parted else body).lstrip("\n")),
        digest_bytes(source.encode()),
    )
