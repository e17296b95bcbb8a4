"""Sentiment of texts: what one text says, which asset it speaks of, and the score of many texts as they age.

A score is a number about a text and nothing in the text can act; whoever uses it carries its taint.
"""

from models.sentiment.lexical import LexiconScorer
from models.sentiment.rolling import RollingScore, first_tellings, normalised, rolling_score

__all__ = ["LexiconScorer", "RollingScore", "first_tellings", "normalised", "rolling_score"]
