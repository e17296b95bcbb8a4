"""Proposals that are wrong in exactly one way, for every denial code."""

from fuzz.proposals import account, conduct, form, market, provenance, sanity
from fuzz.proposals.base import DIRECTED, ROOMY, Directed

__all__ = ["DIRECTED", "ROOMY", "Directed", "account", "conduct", "form", "market", "provenance", "sanity"]
