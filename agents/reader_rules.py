"""The keyless reader: events by tables of words, sentence by sentence. Not clever, and the same on every machine."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from agents.reader import LONGEST_QUOTE, Told, ToldEvent
from core.ports import Abstain
from core.texts import MOST_EVENTS, EventKind
from market.sources.assets import assets_in
from market.sources.items import WHOLE_MARKET

Direction = Literal["rises", "falls", "unclear"]


def _any(words: str) -> re.Pattern[str]:
    """Any of these words or phrases; `*` at the end of one stands for any ending."""
    said = "|".join(re.escape(word).replace(r"\*", r"\w*").replace("_", r"\s+") for word in words.split())
    return re.compile(rf"\b(?:{said})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Sign:
    """How a kind shows: its words, its magnitude in percent, its direction, and the words that turn it."""

    words: re.Pattern[str]
    magnitude: int
    usual: Direction
    good: re.Pattern[str] | None = None
    bad: re.Pattern[str] | None = None

    def direction(self, sentence: str) -> Direction:
        good = self.good is not None and self.good.search(sentence) is not None
        bad = self.bad is not None and self.bad.search(sentence) is not None
        if good == bad:
            return "unclear" if good else self.usual
        return "rises" if good else "falls"


_OVER: Final = _any("recover* return* restor* resum* reopen* dismiss* drop* wins won settle* clears cleared")

# The first kind that a sentence shows is taken: the graver before the milder, the narrower before the wider.
_SIGNS: Final[Mapping[EventKind, _Sign]] = {
    EventKind.HACK: _Sign(
        _any("hack* exploit* breach* stolen theft drained rug_pull phishing private_key_leak* compromised"),
        80, "falls", good=_any("recovered returned refunded"),
    ),
    EventKind.INSOLVENCY: _Sign(_any("bankrupt* insolven* chapter_11 default* liquidator* creditors"), 90, "falls"),
    EventKind.DEPEG: _Sign(_any("depeg* loses_its_peg lost_its_peg below_its_peg peg_breaks"), 70, "falls"),
    EventKind.DELISTING: _Sign(
        _any("delist* removes_trading_pair* remove_trading_pair* suspends_trading suspend_trading"), 60, "falls"
    ),
    EventKind.OUTAGE: _Sign(
        _any("outage* halts_withdrawals halted_withdrawals pauses_withdrawals suspends_withdrawals network_halt*"
             " downtime stops_producing_blocks"),
        50, "falls", good=_OVER,
    ),
    EventKind.FUND: _Sign(
        _any("etf etfs etp etps listed_fund* spot_fund* exchange-traded"), 60, "unclear",
        good=_any("approv* launch* inflow* files filed lists clears"),
        bad=_any("reject* delay* den* outflow* withdraw* postpone*"),
    ),
    EventKind.LAWSUIT: _Sign(
        _any("lawsuit* sues sued suing indict* charged_with class_action convict* plead* court"),
        40, "falls", good=_OVER,
    ),
    EventKind.REGULATION: _Sign(
        _any("regulator* regulation* sec cftc esma fca lawmaker* parliament* congress senate licen* ban bans banned"
             " mica clear_rules crackdown sanction*"),
        50, "unclear",
        good=_any("approv* passes passed welcom* licen* legal* clear_rules grants granted green_light"),
        bad=_any("ban bans banned probe* crackdown reject* fine* fined sanction* restrict* prohibit* investigat*"),
    ),
    EventKind.UNLOCK: _Sign(_any("unlock* vesting cliff token_release airdrop*"), 40, "falls"),
    EventKind.LIQUIDATION: _Sign(
        _any("liquidat*"), 50, "falls", good=_any("short* shorts short_squeeze"), bad=_any("long longs")
    ),
    EventKind.UPGRADE: _Sign(
        _any("upgrade* hard_fork hardfork mainnet testnet_launch halving network_update"), 30, "rises",
        bad=_any("delay* postpone* fail* bug* downgrade*"),
    ),
    EventKind.PARTNERSHIP: _Sign(
        _any("partner* integrat* collaborat* adopts adoption accepts joins"), 30, "rises",
        bad=_any("ends ended terminat* drops")
    ),
    EventKind.LISTING: _Sign(
        _any("lists listed listing listings to_list will_list new_trading_pair*"), 40, "rises",
        bad=_any("delay* postpone* reject*"),
    ),
    EventKind.FLOW: _Sign(
        _any("inflow* outflow* whale* wallets accumulat* dormant holdings_to_exchanges treasury_buys"), 30, "unclear",
        good=_any("inflow* accumulat* buys buying bought buyers_return off_exchanges"),
        bad=_any("outflow* to_exchanges sell* sold dump*"),
    ),
    EventKind.MACRO: _Sign(
        _any("inflation fed fomc interest_rate* rate_cut* rate_hike* cpi payrolls recession ecb tariff* gdp"), 40,
        "unclear",
        good=_any("below_forecasts rate_cut* cuts cool* eas* lower slows"),
        bad=_any("above_forecasts rate_hike* hikes raises hotter higher accelerat* recession"),
    ),
}  # fmt: skip

_HEDGED: Final = _any(
    "may might could reportedly rumour* rumor* suspect* alleg* expect* consider* plan* propos* unconfirmed speculat*"
    " likely possibl* ahead_of if whether"
)
_NEGATED: Final = _any("no not never without denies denied deny false debunk* fake")
_HYPE: Final = _any("guaranteed 100x 1000x moon insider last_chance")
_SENTENCE: Final = re.compile(r"[^.!?\n]+(?:[.!?](?=\S)[^.!?\n]*)*[.!?]?")
_SURE, _HEDGED_PERCENT, _NEGATED_PERCENT, _HYPED = 80, 40, 20, 10


class RulesTeller:
    """Speaks for every desk without a model, and of every text that a model did not read."""

    name = "rules/1"
    timeless = True

    async def tell(self, text: str) -> Told | Abstain:
        # A long text takes a tenth of a second, and the streams share this loop.
        return await asyncio.to_thread(tell, text)


def tell(text: str) -> Told:
    """The first events that the sentences of a text show, each quoted by its sentence."""
    return Told(events=tuple(event for _, event in zip(range(MOST_EVENTS), _events(text), strict=False)))


def _events(text: str) -> Iterator[ToldEvent]:
    speaking = _assets(text)
    for found in _SENTENCE.finditer(text):
        # A sentence without an end is read as far as it can be quoted.
        sentence = found[0].strip()[:LONGEST_QUOTE]
        kind = next((kind for kind, sign in _SIGNS.items() if sign.words.search(sentence)), None)
        if kind is None:
            continue
        negated = _NEGATED.search(sentence) is not None
        yield ToldEvent(
            kind=kind,
            direction="unclear" if negated else _SIGNS[kind].direction(sentence),
            magnitude_percent=_SIGNS[kind].magnitude,
            certainty_percent=_certainty(sentence, negated=negated),
            assets=(_assets(sentence) or speaking)[:5],
            quote=sentence,
        )


def _assets(text: str) -> tuple[str, ...]:
    return tuple(asset for asset in assets_in(text) if asset != WHOLE_MARKET)


def _certainty(sentence: str, *, negated: bool) -> int:
    if _HYPE.search(sentence):
        return _HYPED
    if negated:
        return _NEGATED_PERCENT
    return _HEDGED_PERCENT if sentence.endswith("?") or _HEDGED.search(sentence) else _SURE
