"""Get the secrets of an attempt from their sources, in a process of its own that does nothing else."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

from scheduled.core.secret_sources import LIMIT, MOST, Source, read_source
from scheduled.errors import ConfigError, ScheduledError
from scheduled.execution.secret_commands import SecretCommands
from scheduled.masking import LEAST, Mask
from scheduled.state.files import RefusedError, read_regular
from scheduled.state.trust import warn_or_refuse

CREDENTIALS = "CREDENTIALS_DIRECTORY"  # set by systemd for a unit that has credentials


def values_of(sources: Mapping[str, str], environment: Mapping[str, str], owner: int) -> dict[str, str]:
    """Return the secrets from *sources* (source by variable) for an attempt with this *environment*.

    Commands run in the current directory, and end if the descriptor *owner* becomes readable. Raise ScheduledError, with the
    variable, for the first secret that can't be had; secrets that are known already are masked in the message.
    """
    found: dict[str, str] = {}
    until = time.monotonic() + LIMIT
    commands = SecretCommands(owner)
    try:
        for name, written in sources.items():
            try:
                found[name] = _text(_value(written, environment, commands, until))
            except ScheduledError as error:
                message = Mask(found.values()).text(f"secret {name} ({written}): {error}")
                raise ScheduledError(message) from None
    finally:
        commands.close()
    return found


def value_of(source: str, environment: Mapping[str, str]) -> str:
    """Return the secret from one *source*; a command gets *environment*. Raise ScheduledError if it can't be had."""
    never_read, owner = os.pipe()
    commands = SecretCommands(never_read)
    try:
        return _text(_value(source, environment, commands, time.monotonic() + LIMIT))
    except ScheduledError as error:
        raise ScheduledError(f"{source}: {error}") from None
    finally:
        commands.close()
        os.close(never_read)
        os.close(owner)


def credential_path(name: str, environment: Mapping[str, str]) -> Path:
    """Return the path of the credential *name*. Raise ScheduledError if there are no credentials."""
    directory = environment.get(CREDENTIALS) or os.environ.get(CREDENTIALS)
    if not directory:
        raise ScheduledError(
            f"there is no {CREDENTIALS}: only systemd sets it, for a unit with LoadCredential={name}:PATH; "
            "a tick that cron starts needs file: or command:"
        )
    return Path(directory) / name


def _value(written: str, environment: Mapping[str, str], commands: SecretCommands, until: float) -> bytes:
    source = read_source(written)
    match source:
        case Source("command"):
            return commands.secret(source.text, environment, until)
        case Source("credential"):
            return _content(credential_path(source.text, environment))
        case Source("file"):
            return _content(Path(os.path.expanduser(source.text)))
    raise ScheduledError("it has no known source")  # an order of another version of the program


def _content(path: Path) -> bytes:
    try:
        warn_or_refuse(path)
        return read_regular(path, limit=MOST)
    except (RefusedError, ConfigError) as error:
        raise ScheduledError(str(error)) from None
    except OSError as error:
        raise ScheduledError(f"{path}: {error.strerror}") from None


def _text(data: bytes) -> str:
    """Return a secret as text, without the newline at its end. Raise ScheduledError if it can't be used."""
    data = data.removesuffix(b"\n").removesuffix(b"\r")
    if not data:
        raise ScheduledError("it is empty")
    if len(data) < LEAST:
        raise ScheduledError(f"it has fewer than {LEAST} bytes, so that it can't be masked in the output")
    if b"\0" in data:
        raise ScheduledError("it holds a NUL character, which no variable can hold")
    return os.fsdecode(data)
