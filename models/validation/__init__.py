"""Validation that does not fool its owner: what is judged was not learnt from, what was tried is counted."""
