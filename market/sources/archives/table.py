"""The importers of archives, as `market.importing.table` wants them."""

from __future__ import annotations

from market.importing.shape import Importer
from market.sources.archives import chain, fomc, news

IMPORTERS: tuple[Importer, ...] = (
    Importer(news.GOOGLE, "Google News articles as JSON lines", news.knows_google, news.read_google),
    Importer(news.NEWSAPI, "answers of NewsAPI", news.knows_newsapi, news.read_newsapi),
    Importer(news.HEADLINES, "crypto headlines as CSV", news.knows_headlines, news.read_headlines),
    Importer(
        fomc.COMMUNICATIONS, "FOMC statements and minutes as CSV", fomc.knows_communications, fomc.read_communications
    ),
    Importer(fomc.STATEMENTS, "FOMC statements as CSV", fomc.knows_statements, fomc.read_statements),
    Importer(fomc.STATEMENT, "an FOMC statement as text, named by its day", fomc.knows_statement, fomc.read_statement),
    Importer(chain.MOOD, "Fear & Greed history", chain.knows_mood, chain.read_mood),
    Importer(chain.CHART, "blockchain.com charts", chain.knows_chart, chain.read_chart),
    Importer(chain.NVT, "blockchain.com NVT table", chain.knows_nvt, chain.read_nvt),
    Importer(chain.STATISTICS, "daily statistics of a chain", chain.knows_statistics, chain.read_statistics),
    Importer(chain.COIN_METRICS, "Coin Metrics daily metrics", chain.knows_coin_metrics, chain.read_coin_metrics),
)
