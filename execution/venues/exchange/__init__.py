"""A real exchange through ccxt: what is known of each venue, and an adapter that trusts nothing it cannot prove."""
