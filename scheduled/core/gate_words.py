"""What a gate requires, in words."""

from scheduled.core.jobs import Gate

REFUSED = (
    "its gate was closed"  # the beginning of the reason of a slot that a gate with `else = "skip"` skips
)


def with_else(found: Gate) -> str:
    """Return the conditions of a gate in words, and what happens if they do not hold, unless the run waits."""
    return f"{required(found)}, else the slot is skipped" if found.skips else required(found)


def refused(found: Gate) -> str:
    """Return the reason of a slot that is skipped because the gate is closed."""
    return f"{REFUSED} (it requires: {required(found)})"


def required(found: Gate) -> str:
    """Return the conditions of a gate in words."""
    conditions = [
        f"`{found.command}` succeeds" if found.command else "",
        "there is a network" if found.network == "default" else f"{found.network} answers" if found.network else "",
        "the machine is on mains power" if found.ac_power else "",
        "the machine is idle" if found.idle else "",
        f"{found.path} exists" if found.path else "",
    ]  # fmt: skip
    return " and ".join(condition for condition in conditions if condition)
