"""The rules by layer, in the order in which a person reads them."""

from typing import Final

from risk.rules import account, conduct, form, market, provenance, sanity
from risk.rules.base import Rule

RULES: Final[tuple[Rule, ...]] = (
    form.Finite(),
    form.Positive(),
    form.Fields(),
    form.KnownInstrument(),
    form.Currency(),
    form.Increment(),
    form.MinQuantity(),
    form.MinNotional(),
    form.PriceCollar(),
    form.ProposalId(),
    sanity.Tradable(),
    sanity.OrderSize(),
    sanity.NearDuplicate(),
    account.OpenForRisk(),
    account.FreeBalance(),
    account.AssetExposure(),
    account.GrossExposure(),
    account.OpenOrders(),
    account.ReduceOnly(),
    market.HasPrice(),
    market.PriceAge(),
    market.Spread(),
    conduct.SelfTrade(),
    provenance.Tainted(),
    provenance.StopPresent(),
)
