"""What a gate requires, in words."""

from scheduled.core.jobs import Gate


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
