"""The errors that a command reports to the user, each with its exit code."""

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BUSY = 75


class ScheduledError(Exception):
    """An error that a command reports in one line, without a traceback."""

    exit_code = EXIT_FAILED
    known = False  # whether an earlier tick has printed it, so that cron need not mail it again


class ConfigError(ScheduledError):
    """The configuration or the request is wrong: it can't be carried out as it is."""

    exit_code = EXIT_USAGE


class UnknownError(ConfigError):
    """There is no job or run of the given name."""


class ForeignStateError(ConfigError):
    """The state directory belongs to another configuration."""


class ForbiddenError(ConfigError):
    """The configuration does not permit this interface to do what was requested."""


class TooLongError(ScheduledError):
    """The answer to a read-only question of an interface would exceed a limit of processor time or of entries."""

    exit_code = EXIT_USAGE


class StateError(ScheduledError):
    """The state directory, or a file in it, could not be read or written."""


class BadNameError(StateError):
    """The ledger has the id of a run, or the name of a tick, that is no file name: it is damaged."""


class BusyError(ScheduledError):
    """Another process holds what was requested; retry later (EX_TEMPFAIL of sysexits.h)."""

    exit_code = EXIT_BUSY


def require_between(what: str, number: float, least: int, most: int | None = None) -> None:
    """Raise ConfigError, which names *what*, unless *number* is from *least* to *most* (None: no upper bound)."""
    if number >= least and (most is None or number <= most):
        return
    bounds = f"at least {least}" if most is None else f"{least} to {most:,}"
    raise ConfigError(f"{what}: must be {bounds}, got {number}")
