"""Simulated trading of target exposures: the compiled kernel, what it is told, and what comes out."""
