"""What the desk remembers in words, found again by meaning: as it was known then, and how far it can be trusted."""
