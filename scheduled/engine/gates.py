"""Evaluate gates (`only_if`): once per tick, for the jobs that are due, before any run is claimed."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from scheduled.core.jobs import Gate, Job

COMMAND_TIMEOUT = 30.0  # seconds; a gate's command checks a condition, it must not do the job's work
CONNECT_TIMEOUT = 3.0  # seconds
IDLE_LOAD = 0.3  # 1-minute load average per processor below which the machine counts as idle


def closed(jobs: Iterable[Job], environment: Callable[[], Mapping[str, str]]) -> frozenset[str]:
    """Return the names of the *jobs* with a closed gate. Commands get the *environment* and the `env` of their job."""
    return frozenset(
        job.name for job in jobs if job.only_if is not None and not _holds(job, job.only_if, environment)
    )


def _holds(job: Job, gate: Gate, environment: Callable[[], Mapping[str, str]]) -> bool:
    return holds(gate, lambda: {**environment(), **job.env})


def holds(gate: Gate, environment: Callable[[], Mapping[str, str]]) -> bool:
    """Return whether all conditions of *gate* are true. A condition that can't be checked counts as false.

    Its command gets the *environment*, which is only computed for a command.
    """
    checks: list[Callable[[], bool]] = []
    if gate.path:
        checks.append(Path(gate.path).expanduser().exists)
    if gate.ac_power:
        checks.append(_on_mains)
    if gate.idle:
        checks.append(lambda: os.getloadavg()[0] < IDLE_LOAD * (os.cpu_count() or 1))
    if gate.network:
        checks.append(lambda: _network(gate.network))
    if gate.command:
        checks.append(lambda: _succeeds(gate.command, environment()))
    return all(check() for check in checks)


def _on_mains() -> bool:
    """Return whether a mains supply is online. A machine without a battery always runs on mains."""
    supplies = {
        path.parent: path.read_text().strip() for path in Path("/sys/class/power_supply").glob("*/type")
    }
    mains = [place for place, kind in supplies.items() if kind in ("Mains", "USB")]
    online = any(
        (place / "online").read_text().strip() == "1" for place in mains if (place / "online").exists()
    )
    return online or "Battery" not in supplies.values()


def _network(target: str) -> bool:
    """Return whether HOST:PORT accepts a connection; "default": whether the machine has a default route."""
    if target == "default":
        return _default_route()
    host, _, port = target.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), CONNECT_TIMEOUT):
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


def _succeeds(command: str, environment: Mapping[str, str]) -> bool:
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            env=environment,
            capture_output=True,
            timeout=COMMAND_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
