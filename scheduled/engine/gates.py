"""Does a gate hold now? Asked once per tick for the jobs that are due, before anything is claimed."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

from scheduled.core.jobs import Gate, Job

PATIENCE = 30.0  # for a gate's command: it is a question, not the work
CONNECT = 3.0
IDLE_LOAD = 0.3  # of the processors: below it the machine has nothing better to do


def closed(jobs: Iterable[Job]) -> frozenset[str]:
    """Return the names of *jobs* whose gate does not hold now."""
    return frozenset(job.name for job in jobs if job.only_if is not None and not holds(job.only_if))


def holds(gate: Gate) -> bool:
    """Return whether all that *gate* asks for is so; what can't be found out is not so."""
    asked: list[Callable[[], bool]] = []
    if gate.path:
        asked.append(Path(gate.path).expanduser().exists)
    if gate.ac_power:
        asked.append(_on_mains)
    if gate.idle:
        asked.append(lambda: os.getloadavg()[0] < IDLE_LOAD * (os.cpu_count() or 1))
    if gate.network:
        asked.append(lambda: _network(gate.network))
    if gate.command:
        asked.append(lambda: _succeeds(gate.command))
    return all(question() for question in asked)


def _on_mains() -> bool:
    """Return whether a mains supply is online; a machine without a battery has nothing else."""
    supplies = {
        path.parent: path.read_text().strip() for path in Path("/sys/class/power_supply").glob("*/type")
    }
    mains = [place for place, kind in supplies.items() if kind in ("Mains", "USB")]
    online = any(
        (place / "online").read_text().strip() == "1" for place in mains if (place / "online").exists()
    )
    return online or "Battery" not in supplies.values()


def _network(target: str) -> bool:
    """Return whether HOST:PORT answers, or, for "default", whether there is a way out of the machine."""
    if target == "default":
        return _default_route()
    host, _, port = target.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), CONNECT):
            return True
    except (OSError, ValueError):
        return False


def _default_route() -> bool:
    try:
        routes = Path("/proc/net/route").read_text().splitlines()[1:]
    except OSError:
        return False
    six = Path("/proc/net/ipv6_route")
    zero = "0" * 32
    lines = six.read_text().splitlines() if six.exists() else []
    return any(route.split()[1] == "00000000" for route in routes) or any(
        line.startswith(f"{zero} 00") and not line.endswith("lo") for line in lines
    )


def _succeeds(command: str) -> bool:
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
