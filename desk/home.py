"""Where the desk keeps its things."""

import os
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from core.errors import ConfigError
from execution.kill import KillSwitch


@dataclass(frozen=True, slots=True)
class Home:
    """`TRADEWARDEN_HOME`, else the platform's data folder."""

    path: Path

    @classmethod
    def find(cls) -> "Home":
        named = os.environ.get("TRADEWARDEN_HOME", "").strip()
        return cls(Path(named).expanduser().absolute() if named else user_data_path("tradewarden"))

    def make(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"the home folder {self.path} cannot be made: {error.strerror}") from None

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.path / 'desk.db'}"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints.db"

    @property
    def candles(self) -> Path:
        """The market's data: candles, numbers, texts, trades."""
        return self.path / "candles"

    @property
    def models(self) -> Path:
        """Trained models, and the ledger of what was tried for them."""
        return self.path / "models"

    @property
    def backtests(self) -> Path:
        """What simulated runs came to."""
        return self.path / "backtests"

    @property
    def trials(self) -> Path:
        """The ledger of every backtest that was ever tried."""
        return self.backtests / "trials.jsonl"

    @property
    def searches(self) -> Path:
        """What searches for parameters have tried, in a file of its own."""
        return self.backtests / "searches.log"

    @property
    def recall(self) -> Path:
        """What the desk remembers in words."""
        return self.path / "recall"

    @property
    def models_spent(self) -> Path:
        """What language models cost, in money and tokens, a file a day."""
        return self.path / "llm" / "spent"

    @property
    def completions(self) -> Path:
        """Answers of language models by the exact question."""
        return self.path / "llm" / "completions"

    @property
    def chat_history(self) -> Path:
        """What was typed into the chat, for the arrow keys."""
        return self.path / "chat_history"

    @property
    def settings(self) -> Path:
        return self.path / "warden.toml"

    @property
    def signing_key(self) -> Path:
        """What signals are signed with; its public half is published."""
        return self.path / "signing.key"

    @property
    def kill_file(self) -> Path:
        return self.path / "HALT"

    def kill_switch(self) -> KillSwitch:
        return KillSwitch(self.kill_file)
