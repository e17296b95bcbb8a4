"""Binance's USD-margined contracts: /fapi and the private stream."""
