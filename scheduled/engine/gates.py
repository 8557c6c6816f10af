"""Evaluate one gate (`only_if`): the conditions that must hold before a due run starts."""

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from scheduled.core.jobs import Gate
from scheduled.execution.gate_commands import GateCommands

CONNECT_TIMEOUT = 3.0  # seconds
IDLE_LOAD = 0.3  # 1-minute load average per processor below which the machine counts as idle


def is_open(gate: Gate, environment: Mapping[str, str], commands: GateCommands, until: float) -> bool:
    """Return whether all conditions of *gate* are true. A condition that can't be checked counts as false.

    Its command gets the *environment*, and is killed at *until* (`time.monotonic`). Any thread may call this.
    """
    checks: list[Callable[[], bool]] = []
    if gate.path:
        checks.append(lambda: os.path.exists(os.path.expanduser(gate.path)))
    if gate.ac_power:
        checks.append(_on_mains)
    if gate.idle:
        checks.append(lambda: os.getloadavg()[0] < IDLE_LOAD * (os.cpu_count() or 1))
    if gate.network:
        checks.append(lambda: _network(gate.network))
    if gate.command:
        checks.append(lambda: commands.succeeds(gate.command, environment, until))
    try:
        return all(check() for check in checks)
    except (OSError, ValueError, OverflowError):
        return False


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
    with socket.create_connection((host, int(port)), CONNECT_TIMEOUT):
        return True


def _default_route() -> bool:
    routes = Path("/proc/net/route").read_text().splitlines()[1:]
    six = Path("/proc/net/ipv6_route")
    zero = "0" * 32
    lines = six.read_text().splitlines() if six.exists() else []
    return any(route.split()[1] == "00000000" for route in routes) or any(
        line.startswith(f"{zero} 00") and not line.endswith("lo") for line in lines
    )
