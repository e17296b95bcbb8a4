"""Stages, the graph over them, and the reasoners: they choose, and calculate nothing that a tool could."""
