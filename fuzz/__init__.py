"""Adversarial campaigns against the gate, and an oracle of its own that judges them. Not shipped."""
