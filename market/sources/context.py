"""What a source is given to work with. It has no other way to the network, the time or a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.ports import Clock
from market.sources.secrets import Secrets
from market.sources.settings import SourcesSettings

if TYPE_CHECKING:
    from market.web.client import Web


@dataclass(frozen=True, slots=True)
class Context:
    web: Web
    clock: Clock
    settings: SourcesSettings
    secrets: Secrets

    def base(self, name: str, default: str) -> str:
        """The address of a vendor's API, without a slash at its end."""
        return self.settings.base_urls.get(name, default).rstrip("/")
