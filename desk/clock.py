"""The wall clock, for what never enters a hash: leases, annexes, latencies."""

import time


class SystemClock:
    def now_ns(self) -> int:
        return time.time_ns()
