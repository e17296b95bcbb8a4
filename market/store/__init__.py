"""What the market showed and when it could be known: candles, numbers, trades, texts on disk, read as of a moment."""
