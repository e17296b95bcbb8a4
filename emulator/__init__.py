"""An exchange on 127.0.0.1 for tests and demos, a process of its own.

One matching core (`emulator.exchange`) under three dialects (Binance spot, Kraken, Bybit), with faults as data
(`emulator.faults`). `python -m emulator --port 0` starts it; inside a test `async with Emulator() as venue` does
(`emulator.server`). It speaks well enough that the exchange classes of ccxt work against it unmodified but for their
base addresses.
"""
