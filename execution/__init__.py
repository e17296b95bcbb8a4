"""The only room with keys: it turns an approved proposal into a venue's order and keeps the truth about it."""
