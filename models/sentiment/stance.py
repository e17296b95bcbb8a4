"""How hawkish a central bank's statement sounds: a dictionary of what moves where, and no model.

Apel and Blix Grimaldi, *The Information Content of Central Bank Minutes* (2012), count pairs of a noun and what happens
to it, such as 'inflation' with 'increased'. The word lists here are our own.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from core.money import significant
from core.ports import Abstain
from models.sentiment.decisions import decides, sentences

# More of these asks for a higher rate; more of the second kind for a lower one.
_HEAT: Final = re.compile(
    r"\b(?:inflation\w*|prices?|wages?|costs?|growth|expan\w+|econom\w+|activity|employment|jobs?|labor|spending|demand"
    r"|investment|output|production|consumption|exports|housing|lending|credit)\b",
    re.I,
)
_COLD: Final = re.compile(
    r"\b(?:unemployment|slack|jobless|layoffs|uncertaint\w+|strains?|stress\w*|turmoil|disruptions?|weakness|risks?\s+to"
    r"\s+(?:economic\s+)?growth)\b",
    re.I,
)
_MORE: Final = re.compile(
    r"\b(?:increas\w+|ris\w+|rose|risen|strong\w*|strength\w*|solid|robust|rapid\w*|elevated|high\w*|accelerat\w+|firm\w*"
    r"|tight\w*|pick\w*\s+up|advanc\w+|brisk|vigor\w*|expanded|expanding|heighten\w*|build\w*|mount\w*|improv\w+|upside"
    r"|pressures|imbalances|recover\w*|gains)\b",
    re.I,
)
_LESS: Final = re.compile(
    r"\b(?:declin\w+|decreas\w+|fall\w*|fell|weak\w*|slow\w*|low\w*|subdued|soft\w*|contract\w*|moderat\w+|diminish\w*"
    r"|eas\w+|reduc\w+|depress\w+|sluggish|contain\w*|restrain\w*|cool\w*|damp\w*|slump\w*|deteriorat\w+|downside|limited"
    r"|losses|cut\s+back)\b",
    re.I,
)
_NEGATED: Final = re.compile(r"\b(?:not|no|little|without|neither|nor)\b", re.I)
_CLAUSE: Final = re.compile(r"[,;.]|\b(?:but|while|although|despite|however)\b", re.I)
# About who voted and how the discount rate is set: no view of the economy.
_FORMAL: Final = re.compile(r"\bvot(?:ing|ed)\b|\bdiscount\s+rate\b|\bBoards?\s+of\s+Directors\b", re.I)


def stance(statement: str) -> Decimal | Abstain:
    """From -1 (dovish) to 1 (hawkish): (h - d) / (h + d) over clauses that say what happens to the economy.

    A clause counts for h where something that calls for a higher rate grows or something that calls for a lower one
    shrinks, for d the other way round; a negation turns it. Sentences on the decision itself, votes and the discount
    rate are left out, so that the score is not the decision told twice.
    """
    hawkish = dovish = 0
    for sentence in sentences(statement):
        if decides(sentence) or _FORMAL.search(sentence):
            continue
        for clause in _CLAUSE.split(sentence):
            told = _told(clause)
            hawkish += told > 0
            dovish += told < 0
    if not hawkish + dovish:
        return Abstain("the statement says nothing that the dictionary knows of the economy")
    return Decimal(significant((hawkish - dovish) / (hawkish + dovish)))


def _told(clause: str) -> int:
    """1 for a hawkish clause, -1 for a dovish one, 0 for neither or both."""
    cold, heat = bool(_COLD.search(clause)), bool(_HEAT.search(clause))
    moves = (len(_MORE.findall(clause)) > 0) - (len(_LESS.findall(clause)) > 0)
    if not (cold or heat):
        return 0
    direction = -moves if cold else moves
    return -direction if _NEGATED.search(clause) else direction
