"""Kraken's spot REST API over the same core: /0/public and /0/private.

Source: docs.kraken.com/api-reference; shapes compared with recorded answers.
"""
