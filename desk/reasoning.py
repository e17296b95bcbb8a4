"""Who reasons for a desk: the rules, or a language model with its key, its budget and its cache."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agents.llm.settings import RULES, LlmSettings
from agents.ports import Reasoner, Thinking
from agents.rules import RulesReasoner
from core.errors import ConfigError
from desk.home import Home
from desk.keys import FoundKey, KeyChain, variable

if TYPE_CHECKING:
    from agents.llm.budget import Budget
    from agents.llm.client import Client
    from agents.llm.speaker import LlmSpeaker
    from agents.llm.streaming import Streamer
    from agents.llm.talking import Talker


def need_key(settings: LlmSettings, home: Home, environment: Mapping[str, str]) -> FoundKey | None:
    """The key of the settings' server; None where a server on this machine asks for none."""
    found = KeyChain(home, environment).find_server(settings.provider)
    if found is None and not settings.local:
        name = variable(settings.provider, "key")
        added = f"`warden keys add {settings.provider}`"
        raise ConfigError(f"no key of {settings.provider} is here: {added}, or set {name} or {name}_FILE")
    return found


def thinking(settings: LlmSettings) -> Thinking:
    return Thinking(settings.balances == "amounts", settings.review, settings.masked)


def reasoner(settings: LlmSettings, home: Home, environment: Mapping[str, str]) -> Reasoner:
    """Raises ConfigError where a key is missing."""
    if settings.provider == RULES:
        return RulesReasoner()
    from agents.llm.reasoner import LlmReasoner

    return LlmReasoner(settings, talker(settings, home, environment))


def replaying(settings: LlmSettings) -> Reasoner:
    """The reasoner of a record, whose answers are all stored: it has no key, and no way to a server."""
    if settings.provider == RULES:
        return RulesReasoner()
    from agents.llm.reasoner import LlmReasoner
    from agents.llm.silent import SilentTalker

    return LlmReasoner(settings, SilentTalker())


def speaker(settings: LlmSettings, home: Home, environment: Mapping[str, str]) -> "LlmSpeaker | None":
    """What reads texts for the desk; None where no language model is set."""
    if settings.provider == RULES:
        return None
    from agents.llm.speaker import LlmSpeaker

    return LlmSpeaker(settings, talker(settings, home, environment))


def talker(settings: LlmSettings, home: Home, environment: Mapping[str, str]) -> "Talker":
    from agents.llm.shelf import Shelf
    from agents.llm.talking import Talker

    client, budget = _wire(settings, home, environment)
    shelf = Shelf(home.completions) if settings.cache else None
    return Talker(settings, settings.preset, client, budget, shelf)


def streamer(settings: LlmSettings, home: Home, environment: Mapping[str, str]) -> "Streamer | None":
    """What talks with people; None where no language model is set."""
    if settings.provider == RULES:
        return None
    from agents.llm.streaming import Streamer

    return Streamer(settings, *_wire(settings, home, environment))


def _wire(settings: LlmSettings, home: Home, environment: Mapping[str, str]) -> "tuple[Client, Budget]":
    from agents.llm.budget import Budget
    from agents.llm.client import Client, Endpoint
    from agents.llm.ledger import FileLedger

    found = need_key(settings, home, environment)
    endpoint = Endpoint(settings.address, found.key if found else None, settings.preset.tokens)
    client = Client(endpoint, max_tokens=settings.max_tokens, concurrency=settings.concurrency)
    return client, Budget(settings, FileLedger(home.models_spent), _today)


def told(settings: LlmSettings, home: Home, environment: Mapping[str, str]) -> str:
    """For the doctor: who is asked, where, and what leaves this machine."""
    if settings.provider == RULES:
        return "rules: no language model is asked, nothing leaves this machine"
    found = need_key(settings, home, environment)
    key = "without a key" if found is None else f"key {found.key.hint} from {found.kept}"
    where = "stays on this machine" if settings.local else "leaves this machine"
    shown = "amounts" if settings.balances == "amounts" else "fractions of equity"
    hidden = "no symbols, no dates, no price scale, " if settings.masked else ""
    sent = f"{where}: prices, indicators, views, balances as {shown}; {hidden}no keys, no names, no raw texts"
    sent += " but to the reader"
    ends = "at a time that nobody says (llm.cutoff)" if settings.cutoff is None else f"on {settings.cutoff}"
    taught = f"training data that end {ends}"
    return f"{settings.provider} at {settings.address}, {', '.join(settings.models)}, {key}; {sent}; {taught}"


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
