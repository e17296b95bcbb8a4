"""One supervised task a venue: its messages in, verified books, trades, candles and tickers out, everything counted."""
