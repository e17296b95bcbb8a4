"""Versioned prompt templates: data, no code."""
