"""Candles of the past from any venue that ccxt knows, whole, checked and resumable."""
