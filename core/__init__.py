"""The shared nouns of the desk: money, orders, instruments, bars, time, fills, ports. No I/O, no libraries."""
