"""A reader of documents in the attacker's hand."""

from agents.documents import FORMS, ToldCard, ToldField
from core.ports import Abstain


class Smuggler:
    """A reader of documents that tries to get words out through every field."""

    name = "red/smuggler"

    async def tell(self, text: str, token: str) -> ToldCard | Abstain:
        told = [ToldField(field=name, value=text[:40] or "x", quote=text[:200] or "x") for name in FORMS]
        told += [ToldField(field=name, value="999", quote=text[:200] or "x") for name in FORMS]
        return ToldCard(fields=tuple(told))
