"""The real exchange adapter, against the pinned ccxt and the emulated venues."""
