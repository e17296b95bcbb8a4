"""Bybit's v5 REST API for spot over the same core.

Source: bybit-exchange.github.io/docs/v5.
"""
