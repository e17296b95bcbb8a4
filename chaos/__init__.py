"""A seeded campaign against execution: the real gate, adapter and HTTP, a broken venue, processes that are killed."""
