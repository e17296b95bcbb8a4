"""Who reasons for a desk, with which key, and what the doctor says of it."""

from pathlib import Path

import pytest

from agents.llm.settings import LlmSettings
from agents.rules import RulesReasoner
from core.errors import ConfigError
from desk import keyring, reasoning
from desk.home import Home
from desk.settings import parse

PRICED = {"gpt": {"prompt": 1, "completion": 2}}
DISTANT = LlmSettings.model_validate({"provider": "openai", "model": "gpt", "prices": PRICED})
LOCAL = LlmSettings(provider="ollama", model="qwen")
KEY = "TRADEWARDEN_OPENAI_KEY"
PLANTED = "sk-not-a-real-one-9876"


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "usable", lambda: False)


def test_without_settings_the_rules_reason_and_nothing_leaves_the_machine(tmp_path: Path) -> None:
    assert isinstance(reasoning.reasoner(LlmSettings(), Home(tmp_path), {}), RulesReasoner)
    assert "nothing leaves" in reasoning.told(LlmSettings(), Home(tmp_path), {})


def test_a_distant_server_without_a_key_refuses_to_start(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=f"no key of openai is here: `warden keys add openai`, or set {KEY} or {KEY}_FILE"
    ):
        reasoning.reasoner(DISTANT, Home(tmp_path), {})


def test_a_server_on_this_machine_needs_no_key(tmp_path: Path) -> None:
    assert reasoning.reasoner(LOCAL, Home(tmp_path), {}).name == "llm/1 ollama qwen"
    assert "stays on this machine" in reasoning.told(LOCAL, Home(tmp_path), {})


def test_a_replay_needs_no_key() -> None:
    assert reasoning.replaying(DISTANT).name == "llm/1 openai gpt"


def test_a_key_comes_from_a_file_that_nobody_else_may_read(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{PLANTED}\n")
    file.chmod(0o600)
    found = reasoning.need_key(DISTANT, Home(tmp_path), {f"{KEY}_FILE": str(file)})
    assert found
    assert found.key.reveal() == PLANTED
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="which others may read"):
        reasoning.need_key(DISTANT, Home(tmp_path), {f"{KEY}_FILE": str(file)})


def test_the_doctor_says_who_is_asked_and_what_leaves_and_not_the_key(tmp_path: Path) -> None:
    told = reasoning.told(DISTANT, Home(tmp_path), {KEY: PLANTED})
    assert PLANTED not in told
    assert "openai at https://api.openai.com/v1, gpt, key …9876 from the environment; leaves this machine" in told
    assert "balances as fractions of equity" in told


@pytest.mark.parametrize(
    ("table", "refusal"),
    [
        ({"provider": "openai"}, "provider openai needs a model"),
        ({"provider": "azure", "model": "m", "prices": {"m": PRICED["gpt"]}}, "azure has no address of its own"),
        ({"provider": "openai", "model": "m"}, "m has no price"),
        ({"provider": "ollama", "model": "m", "base_url": "localhost:11434"}, "allowed is http"),
        ({"provider": "ollama", "model": "m", "base_url": "http://me:pw@localhost"}, "a key is no setting"),
        ({"review": True}, "need a language model"),
        ({"provider": "gpt"}, "provider is 'gpt'"),
        ({"key": "sk"}, "unknown key llm.key"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_what_is_allowed(table: dict[str, object], refusal: str) -> None:
    with pytest.raises(ConfigError, match=refusal):
        parse({"llm": table}, "the test")
