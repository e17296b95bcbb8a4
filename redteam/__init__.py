"""Attacks on the desk through words: what it reads, what it is told by tools and memory, and a model gone over."""
