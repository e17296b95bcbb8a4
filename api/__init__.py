"""Surfaces only: whatever they show or ask goes through the desk."""
