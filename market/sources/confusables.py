"""Letters of other scripts that look like Latin ones: those that occur in disguised words.

A small part of Unicode's confusables (UTS #39). NFKC already folds full-width and mathematical letters.
"""

from typing import Final

LOOKALIKES: Final = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХаеіјѕорсухԛԝһԁҮѴѵАɡı"  # Cyrillic, and two Latin ones of phonetics and Turkish
        "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοναιυϹϲϳ"  # Greek
        "ՕՏսօոհց"  # Armenian
        "ᎪᏴᏟᎠᎬᎻᎫᏦᏞᎷᏢᏒᏚᎢᏙᏔᏃ",  # Cherokee
        "ABESIJKMHOPCTYXaeijsopcyxqwhdYVvAgiABEZHIKMNOPTYXovaiuCcjOSuonhgABCDEHJKLMPRSTVWZ",
        strict=True,
    )
)
