"""Numbers that people and programs ask with: what is out of range is refused before anything is done."""

from scheduled.errors import ConfigError


def within(what: str, number: float, least: int, most: int | None = None) -> None:
    """Raise ConfigError, which names *what*, unless *number* lies from *least* to *most*."""
    if number >= least and (most is None or number <= most):
        return
    bounds = f"at least {least}" if most is None else f"{least} to {most:,}"
    raise ConfigError(f"{what}: must be {bounds}, got {number}")
