"""What can go wrong by somebody's doing, each with the exit code it ends with."""

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BUSY = 75


class ScheduledError(Exception):
    """A trouble to be said in one line, without a traceback."""

    exit_code = EXIT_FAILED


class ConfigError(ScheduledError):
    """The configuration or the command line asks for something that can't be done."""

    exit_code = EXIT_USAGE


class UnknownError(ConfigError):
    """There is no job, or no run, of that name."""


class ForbiddenError(ConfigError):
    """The configuration does not let this interface do what it was asked for."""


class StateError(ScheduledError):
    """Something could not be read from or recorded in the state directory."""


class BusyError(ScheduledError):
    """Another tick holds what was asked for (sysexits' EX_TEMPFAIL)."""

    exit_code = EXIT_BUSY


def require_between(what: str, number: float, least: int, most: int | None = None) -> None:
    """Raise ConfigError, which names *what*, unless *number* lies from *least* to *most*."""
    if number >= least and (most is None or number <= most):
        return
    bounds = f"at least {least}" if most is None else f"{least} to {most:,}"
    raise ConfigError(f"{what}: must be {bounds}, got {number}")
