"""Rate limits per peer: token buckets. The time is a parameter."""

from collections import OrderedDict

import msgspec

MAX_PEERS = 1000  # buckets kept in memory; beyond that the least recently used one is dropped


class Rate(msgspec.Struct, frozen=True):
    """*burst* requests at once, and *per_minute* on average."""

    burst: int
    per_minute: int


class Limits(msgspec.Struct, frozen=True):
    """The rates that one peer is allowed."""

    reads: Rate = Rate(300, 1200)
    writes: Rate = Rate(30, 60)
    wrong_keys: Rate = Rate(10, 10)


class Buckets:
    """One token bucket for each peer, all with the same *rate*."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, peer: str, now: float) -> float:
        """Take one request from a peer's bucket at *now* (seconds); return 0, or the seconds to wait if it is empty."""
        left, at = self._left.pop(peer, (float(self.rate.burst), now))
        left = min(self.rate.burst, left + (now - at) * self.rate.per_minute / 60)
        taken = left >= 1
        self._left[peer] = (left - 1 if taken else left, now)
        if len(self._left) > MAX_PEERS:
            self._left.popitem(last=False)
        return 0 if taken else (1 - left) * 60 / self.rate.per_minute


class Rates:
    """The buckets of one group of clients."""

    def __init__(self, limits: Limits) -> None:
        self.reads, self.writes = Buckets(limits.reads), Buckets(limits.writes)
        self.wrong_keys = Buckets(limits.wrong_keys)
