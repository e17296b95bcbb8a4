"""`[llm]`: who reasons, over which server, for how much, and what it is shown."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from agents.llm.presets import PRESETS, Preset
from core.money import ZERO

RULES = "rules"
Provider = Literal[
    "rules", "openai", "azure", "openrouter", "deepseek", "groq", "vllm", "ollama", "lmstudio", "llamacpp"
]


class Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LlmRoles(Table):
    """A model of its own for a role; empty takes `llm.model`."""

    researcher: str = ""
    planner: str = ""
    reviewer: str = ""
    reader: str = ""
    chat: str = ""


class LlmPrice(Table):
    """US dollars for a million tokens. `cached` is for those of the prompt that the server had read before."""

    prompt: Decimal = Field(ge=0)
    cached: Decimal | None = Field(None, ge=0)
    completion: Decimal = Field(ge=0)


class LlmBudget(Table):
    """The most that may be spent, in US dollars; `day` is for all decisions together, the last two stand apart."""

    decision: Decimal = Field(Decimal("0.50"), ge=0)
    day: Decimal = Field(Decimal(10), ge=0)
    reader: Decimal = Field(Decimal(2), ge=0, description="a day, for reading texts")
    chat: Decimal = Field(Decimal(5), ge=0, description="a day, for talking with people")


class LlmSettings(Table):
    """Who reasons. `rules` is the keyless analyst; the desk runs whole without a language model.

    The key is no setting: it comes from the environment, a secret file or the keyring. A model of a server that is not
    on this machine needs its price, since nothing else holds a spending cap.
    """

    provider: Provider = "rules"
    base_url: str = Field("", description="empty: the provider's own")
    model: str = Field("", max_length=200)
    fallbacks: tuple[str, ...] = Field((), max_length=4, description="models that are asked next, in this order")
    balances: Literal["fractions", "amounts"] = "fractions"
    cutoff: date | None = Field(None, description="last day of the training data of all models here")
    masked: bool = Field(False, description="symbols, dates and price scale are hidden from the models")
    review: bool = False
    samples: int = Field(1, ge=1, le=9, description="plans of one input that must agree")
    cache: bool = Field(False, description="an exact question again is answered from disk")
    max_tokens: int = Field(4096, ge=64, le=128_000, description="of one answer, thinking included")
    prompt_tokens: int = Field(24_000, ge=1_000, le=1_000_000, description="the longest prompt")
    turns: int = Field(4, ge=1, le=20, description="of one stage, the last one without tools")
    calls: int = Field(16, ge=1, le=100, description="tool calls of one stage")
    timeout_s: Decimal = Field(Decimal(60), gt=0, le=600, description="of one call")
    stage_timeout_s: Decimal = Field(Decimal(180), gt=0, le=3600)
    attempts: int = Field(3, ge=1, le=10, description="of one model, where asking again may help")
    wait_s: Decimal = Field(Decimal(1), ge=0, le=60, description="before the second attempt; then doubled, with jitter")
    failures: int = Field(5, ge=1, le=100, description="in a row, after which a model is left alone for a while")
    rest_s: Decimal = Field(Decimal(60), gt=0, le=3600)
    concurrency: int = Field(16, ge=1, le=256)
    readers: int = Field(4, ge=1, le=64, description="texts that are read at once")
    roles: LlmRoles = LlmRoles()
    budget: LlmBudget = LlmBudget()
    prices: Mapping[str, LlmPrice] = {}

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str) -> str:
        parts = urlsplit(url)
        if not url:
            return url
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"base_url is {url!r}: allowed is http(s)://HOST[:PORT][/PATH]")
        if parts.username or parts.password or parts.query:
            raise ValueError("base_url carries a name, a password or a query: a key is no setting")
        return url

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.provider == RULES:
            if self.review or self.samples > 1:
                raise ValueError("review and samples need a language model: provider is rules, which has one answer")
            if self.masked:
                raise ValueError("masked hides the market from a language model: provider is rules, which asks none")
            return self
        if not self.model:
            raise ValueError(f'provider {self.provider} needs a model, such as model = "NAME"')
        if not self.address:
            raise ValueError(f"provider {self.provider} has no address of its own: name its base_url")
        if not self.local and (unpriced := [m for m in self.models if m not in self.prices]):
            raise ValueError(
                f"{', '.join(unpriced)} has no price: say what a million tokens cost, as "
                f'[llm.prices."{unpriced[0]}"] with prompt and completion'
            )
        return self

    @property
    def preset(self) -> Preset:
        return PRESETS[self.provider]

    @property
    def address(self) -> str:
        return self.base_url or (PRESETS[self.provider].base_url if self.provider in PRESETS else "")

    @property
    def local(self) -> bool:
        """Whether what is sent stays on this machine."""
        return urlsplit(self.address).hostname in ("127.0.0.1", "::1", "localhost")

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that may be asked, once."""
        named = (self.model, *(str(m) for m in self.roles.model_dump().values()), *self.fallbacks)
        return tuple(dict.fromkeys(m for m in named if m))

    def models_of(self, role: str) -> tuple[str, ...]:
        """Who is asked for a role, in this order."""
        own = {
            "research": self.roles.researcher,
            "plan": self.roles.planner,
            "review": self.roles.reviewer,
            "reader": self.roles.reader,
            "chat": self.roles.chat,
        }.get(role, "")
        return tuple(dict.fromkeys((own or self.model, *self.fallbacks)))

    def price_of(self, model: str) -> LlmPrice:
        return self.prices.get(model, LlmPrice(prompt=ZERO, completion=ZERO))
