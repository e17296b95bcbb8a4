"""The composed settings: each room's own, read once from one file. Unknown keys and loose limits refuse to start."""

import os
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from agents.llm.settings import LlmSettings
from core.canonical import JSON, digest, plain
from core.errors import ConfigError
from core.money import ONE
from core.time import DAY_NS, duration_ns
from desk import forecasters
from desk.compute import ComputeSettings
from desk.home import Home
from desk.serving import ApiSettings, SignalSettings
from execution.settings import ExecutionSettings
from execution.venues.exchange.facts import facts_of
from market.settings import MarketSettings, VenueSettings
from market.sources import registry
from market.streams.settings import BusSettings
from memory.recall.settings import RecallSettings
from models.sentiment.settings import FINBERT, FINBERT_REVISION, ClassifierSettings
from models.settings import NEVER, ModelSettings
from risk import plugins
from risk.breakers import breakers_of
from risk.policies import refuse_looser
from risk.settings import RiskSettings

Mode = Literal["paper", "testnet", "live"]

FILE = "warden.toml"
MASK = "********"
_FEW = 15  # names in a sentence
# The only settings that come from the environment: they are secrets, and a file of limits is no place for them.
DATABASE_URL = "TRADEWARDEN_DATABASE_URL"
BUS_URL = "TRADEWARDEN_BUS_URL"
# Up to the last @, since nothing stops a password from having one, or a slash.
_PASSWORD = re.compile(r"^(\w+://[^:@/]*:).*(?=@)|([?&]password=)[^&]*")


class AccountSettings(BaseModel):
    """The paper account that a run opens."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: str = Field("paper", pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")
    numeraire: str = Field("USDT", pattern=r"^[A-Z0-9]{2,10}$")
    deposit: Decimal = Field(Decimal("10000"), gt=0, description="in the numeraire")
    given_in: tuple[str, ...] = Field((), description="coins that a venue holds already and the desk may trade")


class SentimentTable(BaseModel):
    """`models.sentiment.settings.ClassifierSettings` with its bounds, and which kind of scorer speaks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scorer: Literal["embedded", "classifier", "lexicon"] = "embedded"
    source: str = Field(FINBERT, min_length=1, description="a repository of the hub, or a local folder")
    revision: str = Field(FINBERT_REVISION, pattern=r"^[0-9a-f]{40}$")
    offline: bool = False
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "fp32", "bf16", "int8"] = "auto"
    most_tokens: int = Field(512, ge=8, le=512)

    def classifier(self) -> ClassifierSettings:
        return ClassifierSettings(**self.model_dump(exclude={"scorer"}))


class ModelsTable(BaseModel):
    """`models.settings.ModelSettings` with its bounds: the models room itself knows no pydantic."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    horizon_bars: int = Field(12, gt=0, le=1_000)
    history_bars: int = Field(780, ge=50, le=10_000)
    score_origins: int = Field(60, ge=10, le=1_000)
    half_life_s: int = Field(6 * 3600, gt=0)
    text_window_s: int = Field(48 * 3600, gt=0)
    reading_latency_s: int = Field(60, ge=0, le=86_400)
    least_effective_texts: Decimal = Field(Decimal("0.5"), ge=0)
    source_weights: Mapping[str, Decimal] = {}
    retrain_every: str = Field("30d", description="a duration of a day or more, or never")
    train_window: int = Field(0, ge=0, le=10_000_000, description="in rows; 0 is as many as the model was trained on")
    sentiment: SentimentTable = SentimentTable()

    @field_validator("source_weights")
    @classmethod
    def _weigh(cls, weights: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
        if loose := [name for name, weight in weights.items() if not (weight.is_finite() and 0 <= weight <= 10)]:
            raise ValueError(f"a source weighs from 0 to 10, found {', '.join(f'{n} {weights[n]}' for n in loose)}")
        return weights

    @field_validator("retrain_every")
    @classmethod
    def _every(cls, every: str) -> str:
        try:
            long_enough = every == NEVER or duration_ns(every) >= DAY_NS
        except ConfigError as refused:
            raise ValueError(f"{refused}, or {NEVER}") from None
        if not long_enough:
            raise ValueError(f"models are trained again after a day or more, or {NEVER}, found {every}")
        return every

    def settings(self) -> ModelSettings:
        return ModelSettings(**self.model_dump(exclude={"sentiment"}))


# Known at a start, and no part of what decides: secrets, a name, a policy that only looks on, a way for events, and
# how others are served.
NOT_DECIDING = frozenset({"database_url", "policy_source", "shadow", "bus", "compute", "api", "signals"})
# What only a start can know: no file may say it.
COMPUTED = frozenset({"database_url", "policy_source", "shadow", "plugins", "source_plugins", "forecasters"})


class Settings(BaseModel):
    """Effective settings of one start. `database_url` is a secret since it may carry a password.

    `policy_source` names the file that the risk policy came from, and `shadow` is a second one that is only compared.
    `plugins` names the operator's own rules, by code, with their version and the hash of their source;
    `source_plugins` those of the enabled sources that are not built in, by name; `forecasters` the operator's own and
    the trained models that were given a vote.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode = "paper"
    account: AccountSettings = AccountSettings()
    market: MarketSettings = MarketSettings()
    venue: VenueSettings = Field(VenueSettings(), validate_default=True)
    bus: BusSettings = BusSettings()
    compute: ComputeSettings = ComputeSettings()
    risk: RiskSettings = RiskSettings()
    execution: ExecutionSettings = ExecutionSettings()
    models: ModelsTable = ModelsTable()
    llm: LlmSettings = LlmSettings()
    recall: RecallSettings = RecallSettings()
    api: ApiSettings = ApiSettings()
    signals: SignalSettings = SignalSettings()
    plugins: Mapping[str, str] = {}
    source_plugins: Mapping[str, str] = {}
    forecasters: Mapping[str, str] = {}
    database_url: SecretStr | None = None
    policy_source: str = "the standard policy"
    shadow: RiskSettings | None = None

    @field_validator("venue")
    @classmethod
    def _reachable(cls, venue: VenueSettings, known: ValidationInfo) -> VenueSettings:
        """Venues that the mode can work at: named, checked for their kind of contract, with a testnet where one is."""
        mode = known.data.get("mode", "paper")
        if mode == "paper":
            return venue
        if not venue.name:
            raise ValueError(f'mode {mode} needs the name of a venue, such as name = "binance"')
        for name in venue.names:
            try:
                facts = facts_of(name, venue.kind)
            except ConfigError as refused:
                raise ValueError(refused) from None
            if mode == "testnet" and not facts.sandbox:
                raise ValueError(f"{name} has no testnet that the desk knows; binance, bybit and okx have one")
        return venue

    @field_validator("execution")
    @classmethod
    def _leverage(cls, execution: ExecutionSettings, known: ValidationInfo) -> ExecutionSettings:
        """Perpetuals post no less margin than the policy's own leverage would; whole margin is always allowed."""
        risk, leverage = known.data.get("risk"), execution.paper.leverage
        if isinstance(risk, RiskSettings) and leverage > max(ONE, risk.max_leverage):
            raise ValueError(f"paper.leverage is {leverage}, risk.max_leverage allows {max(ONE, risk.max_leverage)}")
        return execution

    @property
    def policy_hash(self) -> str:
        """Of everything that can change a decision; where the books lie cannot."""
        return digest(self.deciding())

    def deciding(self) -> JSON:
        return plain(self.model_dump(exclude=set(NOT_DECIDING)))

    def shown(self) -> JSON:
        """For people: everything effective, secrets masked."""
        url = None if self.database_url is None else _masked(self.database_url.get_secret_value())
        shadow = None if self.shadow is None else self.shadow.policy_hash
        return {
            **self.deciding(),
            "bus": {"url": masked(self.bus.url)},
            "compute": {"address": self.compute.address},
            "api": self.api.model_dump(),
            "signals": self.signals.model_dump(),
            "database_url": url,
            "policy_source": self.policy_source,
            "shadow": shadow,
        }


def load(home: Home, *, folder: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from `warden.toml` in the working folder, else the home, else the defaults; secrets from `.env`."""
    where = folder or Path.cwd()
    file = next((f for f in (where / FILE, home.settings) if f.exists()), None)
    table = {} if file is None else _read(file)
    if "database_url" in table:
        raise ConfigError(f"{file}: database_url is a secret: set {DATABASE_URL} in the environment or .env instead")
    if file is not None:
        table = {**_without_computed(table, file), **_policies(table.get("risk"), file)}
    if file is not None:
        _refuse_password(table.get("bus"), file)
    secrets = environment_of(folder, environment)
    if secrets.get(DATABASE_URL):
        table["database_url"] = secrets[DATABASE_URL]
    if secrets.get(BUS_URL):
        table["bus"] = _bus_of(secrets[BUS_URL])
    table["plugins"] = plugins.identities()
    table["forecasters"] = forecasters.identities(home)
    settings = parse(table, str(file or "the defaults"))
    enabled = settings.market.sources.enabled
    named = {name: origin for name, origin in registry.identities().items() if name in enabled}
    return settings.model_copy(update={"source_plugins": named})


def database_url(home: Home, settings: Settings) -> str:
    """Where the books are."""
    return home.database_url if settings.database_url is None else settings.database_url.get_secret_value()


def environment_of(folder: Path | None = None, environment: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """What secrets are read from: `.env` in the working folder, and over it the environment."""
    return {**_dotenv((folder or Path.cwd()) / ".env"), **(os.environ if environment is None else environment)}


def _without_computed(table: dict[str, Any], file: Path) -> dict[str, Any]:
    """The table, in which nothing stands that only a start can know."""
    for key in sorted(COMPUTED & table.keys()):
        raise ConfigError(f"{file}: unknown key {key}, allowed are {', '.join(_siblings((key,)))}")
    return table


def _policies(risk: Any, file: Path) -> dict[str, Any]:
    """The risk table with the policy file that it names worked in, and the shadow policy that it names beside it."""
    if not isinstance(risk, dict):
        return {}
    if "breakers" in risk:
        raise ConfigError(f"{file}: risk.breakers belongs into a policy file, as [[breaker]]: name it as risk.policy")
    own = {key: value for key, value in risk.items() if key not in ("policy", "shadow")}
    found: dict[str, Any] = {"risk": own, "policy_source": str(file)}
    if "policy" in risk:
        named = _beside(file, risk["policy"], "policy")
        found |= {"risk": _tightened(named, own, file), "policy_source": str(named)}
    if "shadow" in risk:
        found["shadow"] = policy_of(_beside(file, risk["shadow"], "shadow"))
    return found


def policy_of(file: Path) -> RiskSettings:
    """What a policy file says: `[limits]` as in `[risk]`, and `[[breaker]]`. What it leaves out is as shipped."""
    return _risk(_policy_table(file), str(file), "limits")


def _policy_table(file: Path) -> dict[str, Any]:
    table = _read(file)
    if unknown := sorted(table.keys() - {"limits", "breaker"}):
        raise ConfigError(f"{file}: unknown key {unknown[0]}, allowed are limits, breaker")
    limits = table.get("limits", {})
    if not isinstance(limits, dict) or "breakers" in limits:
        raise ConfigError(f"{file}: [limits] is a table of limits; breakers stand as [[breaker]]")
    return limits if "breaker" not in table else {**limits, "breakers": breakers_of(table["breaker"], str(file))}


def _tightened(named: Path, own: dict[str, Any], file: Path) -> dict[str, Any]:
    """A policy file's limits, tightened by what the settings say themselves."""
    limits = _policy_table(named)
    both = {**limits, **own}
    try:
        refuse_looser(limits, own, _risk(limits, str(named), "limits"), _risk(both, str(file), "risk"))
    except ValueError as looser:
        raise ConfigError(f"{file}: risk.{looser}") from None
    return both


def _beside(file: Path, named: Any, key: str) -> Path:
    if not isinstance(named, str) or not named:
        raise ConfigError(f"{file}: risk.{key} is {named!r}: it names a policy file")
    return (file.parent / named).absolute()


def _risk(table: Mapping[str, Any], where: str, prefix: str) -> RiskSettings:
    try:
        return RiskSettings.model_validate(table)
    except ValidationError as refused:
        raise ConfigError(f"{where}: {'; '.join(_sentence(dict(e), prefix) for e in refused.errors())}") from None


def source(home: Home, folder: Path | None = None) -> str:
    """The file that `load` reads, for people."""
    candidates = ((folder or Path.cwd()) / FILE, home.settings)
    return next((str(f) for f in candidates if f.exists()), "no file: the defaults")


def parse(table: Mapping[str, Any], where: str) -> Settings:
    try:
        return Settings.model_validate(table)
    except ValidationError as refused:
        raise ConfigError(f"{where}: {'; '.join(_sentence(dict(e)) for e in refused.errors())}") from None


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None


def _refuse_password(bus: Any, file: Path) -> None:
    url = bus.get("url") if isinstance(bus, dict) else None
    if isinstance(url, str) and masked(url) != url:
        # What was found is not repeated: it is a secret.
        raise ConfigError(f"{file}: bus.url carries a password: set {BUS_URL} in the environment or .env instead")


def _bus_of(url: str) -> BusSettings:
    try:
        return BusSettings(url=url)
    except ValidationError:
        # Nor is this one repeated.
        raise ConfigError(f"{BUS_URL} is no bus url: allowed are memory, redis://, rediss:// and unix://") from None


def _dotenv(file: Path) -> dict[str, str]:
    return {k: v for k, v in dotenv_values(file).items() if v is not None} if file.is_file() else {}


def _sentence(error: dict[str, Any], *within: str) -> str:
    """What was found and what is allowed, in one clause."""
    loc = (*within, *error["loc"])
    key, found = ".".join(str(part) for part in loc), error["input"]
    if error["type"] == "extra_forbidden":
        return f"unknown key {key}, {_allowed(str(loc[-1]), _siblings(loc))}"
    if error["type"] == "value_error":
        return f"{key}: {error['ctx']['error']}"
    return f"{key} is {found!r}: {error['msg'][:1].lower()}{error['msg'][1:]}".replace("Decimal(", "").replace(")", "")


def _allowed(wrong: str, names: list[str]) -> str:
    """The names that there are; of many, those that were probably meant."""
    if len(names) <= _FEW:
        return f"allowed are {', '.join(names)}"
    near = get_close_matches(wrong, names, n=3, cutoff=0) or names[:3]
    return f"the nearest of {len(names)} allowed are {', '.join(near)}"


def _siblings(loc: tuple[str | int, ...]) -> list[str]:
    if loc[0] in ("risk", "limits") and len(loc) == 2:
        named = [name for name in RiskSettings.model_fields if name != "breakers"]
        return named if loc[0] == "limits" else [*named, "policy", "shadow"]
    model: Any = Settings
    for part in ("risk" if part == "limits" else part for part in loc[:-1]):
        field = model.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return []
        model = field.annotation
    return [name for name in model.model_fields if name not in COMPUTED]


def _masked(url: str) -> str:
    """Without its password, wherever in the url it stands."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        # What was found is not repeated: it may hold a password.
        raise ConfigError(f"{DATABASE_URL} is no database url, such as sqlite:////home/me/desk.db") from None
    hidden = parsed.set(query=dict.fromkeys(parsed.query, MASK)).render_as_string(hide_password=True)
    return hidden.replace(":***@", f":{MASK}@").replace("%2A", "*")


def masked(url: str) -> str:
    """Without the password that it may carry before its host or in its query."""
    return _PASSWORD.sub(lambda found: f"{found[1] or found[2]}{MASK}", url)
