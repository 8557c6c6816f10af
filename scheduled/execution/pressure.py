"""Measure whether the machine is overloaded."""

import os

STALLED = 40.0  # percent of the last 10 seconds in which some task waited for disk or memory


def pressed() -> bool:
    """Return whether the load exceeds 2 per processor, or tasks stall on disk or memory (Linux PSI)."""
    if os.getloadavg()[0] > 2 * (os.cpu_count() or 1):
        return True
    return any(_stalled(f"/proc/pressure/{resource}") for resource in ("io", "memory"))


def _stalled(path: str) -> bool:
    try:
        with open(path, encoding="ascii") as file:
            return float(file.readline().partition("avg10=")[2].split()[0]) > STALLED
    except (OSError, ValueError, IndexError):
        return False  # a kernel without pressure stall information
