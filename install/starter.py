"""The starter configuration: explanations, examples and, for a workspace, the built-in jobs.

install.sh runs `python -m scheduled.install.starter write [WORKSPACE]` and `... remove`.
"""

import json
import os
import re
import sys
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from importlib import resources
from pathlib import Path

from scheduled.errors import EXIT_OK, ConfigError, ScheduledError
from scheduled.paths import config_path
from scheduled.printable import printable
from scheduled.state.files import make_directories

UPKEEP = "# == Built-in jobs for a workspace =="
# A disabled setting has no space after the #; an explanation has one.
_SWITCHED_OFF = re.compile(r"^#(?=[^\s#])", re.MULTILINE)


def starter(workspace: Path | None = None) -> str:
    """Return the text of a starter scheduled.toml. With a *workspace*, its built-in jobs are enabled."""
    text = resources.files("scheduled.install").joinpath("starter.toml").read_text(encoding="utf-8")
    if workspace is None:
        return text
    # A JSON string is also a TOML string, except one with the character DEL, which is unlikely in a path.
    line = f"workspace = {json.dumps(str(workspace), ensure_ascii=False)}"
    general, heading, jobs = text.partition(UPKEEP)
    general = re.sub(r"^#workspace = .*$", lambda _: line, general, flags=re.MULTILINE)
    return general + heading + uncomment(jobs)


def uncomment(text: str) -> str:
    """Return *text* with every disabled setting enabled."""
    return _SWITCHED_OFF.sub("", text)


def write(config: Path, workspace: Path | None = None) -> bool:
    """Write a starter to *config*, readable only by its owner, and return True; return False if the file exists.

    Raise ConfigError if it can't be written, or if the workspace is not a directory.
    """
    if workspace is not None and not workspace.is_dir():
        raise ConfigError(f"{workspace}: no such directory")
    try:
        make_directories(config.parent)
        descriptor = os.open(config, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise ConfigError(f"{config}: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(starter(workspace))
    return True


def remove(config: Path) -> bool:
    """Remove *config* and return True if it is unchanged since `write`; keep an edited file and return False."""
    if not _is_unchanged(config):
        return False
    config.unlink()
    with suppress(OSError):  # the directory may still contain jobs.d
        config.parent.rmdir()
    return True


def _is_unchanged(config: Path) -> bool:
    try:
        text = config.read_text(encoding="utf-8")
        workspace = tomllib.loads(text).get("workspace")
    except (OSError, ValueError):
        return False
    return text == starter(Path(workspace) if isinstance(workspace, str) else None)


def main(arguments: Sequence[str]) -> int:
    """Run `write [WORKSPACE]` or `remove`, print the result in one line, and return the exit code."""
    verb, *rest = arguments
    config = config_path(None)
    try:
        if verb == "remove":
            kept = f"kept {config}: it was edited" if config.exists() else f"{config} does not exist"
            result = f"removed {config}" if remove(config) else kept
        elif write(config, Path(rest[0]).absolute() if rest else None):
            result = f"wrote {config}"
        else:
            result = f"kept {config}: it already exists"
    except ScheduledError as error:
        sys.stderr.write(f"{printable(str(error))}\n")
        return error.exit_code
    sys.stdout.write(f"{printable(result)}\n")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
