"""How often one peer may ask: buckets that fill up again with time, which is a parameter."""

from collections import OrderedDict

import msgspec

PEERS = 1000  # whose buckets are remembered; beyond that the one that was quiet longest is forgotten


class Rate(msgspec.Struct, frozen=True):
    """*burst* at once, and *per_minute* in the long run."""

    burst: int
    per_minute: int


class Limits(msgspec.Struct, frozen=True):
    """What one peer may do."""

    reads: Rate = Rate(300, 1200)
    writes: Rate = Rate(30, 60)
    wrong_keys: Rate = Rate(10, 10)


class Buckets:
    """One bucket a peer, all of the same *rate*."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, peer: str, now: float) -> float:
        """Take one from a peer's bucket; return 0, or in how many seconds there is one again."""
        left, at = self._left.pop(peer, (float(self.rate.burst), now))
        left = min(self.rate.burst, left + (now - at) * self.rate.per_minute / 60)
        taken = left >= 1
        self._left[peer] = (left - 1 if taken else left, now)
        if len(self._left) > PEERS:
            self._left.popitem(last=False)
        return 0 if taken else (1 - left) * 60 / self.rate.per_minute
