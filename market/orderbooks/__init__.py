"""Order books that are verified or invalid, never merely old: checked message by message as the venue sends them."""
