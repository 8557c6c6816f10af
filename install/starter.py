"""The starter configuration: comments for people, and the built-in jobs switched on where there is a workspace.

`python -m scheduled.install.starter write|remove [WORKSPACE]` is what install.sh calls.
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
from scheduled.state.files import make_directories

UPKEEP = "# == The workspace's upkeep =="
# A setting that is switched off: no space after the #.
_SWITCHED_OFF = re.compile(r"^#(?=[^\s#])", re.MULTILINE)


def starter(workspace: Path | None = None) -> str:
    """Return the text of a starter scheduled.toml; with a *workspace* its upkeep is switched on."""
    text = resources.files("scheduled.install").joinpath("starter.toml").read_text(encoding="utf-8")
    if workspace is None:
        return text
    # A JSON string is a TOML string too, but for DEL, which no path in its right mind holds.
    line = f"workspace = {json.dumps(str(workspace), ensure_ascii=False)}"
    general, mark, upkeep = text.partition(UPKEEP)
    general = re.sub(r"^#workspace = .*$", lambda _: line, general, flags=re.MULTILINE)
    return general + mark + switch_on(upkeep)


def switch_on(text: str) -> str:
    """Return *text* with every switched-off setting switched on."""
    return _SWITCHED_OFF.sub("", text)


def write(config: Path, workspace: Path | None = None) -> bool:
    """Write a starter to *config*, for its owner alone, and return True; False if there is a file already.

    Raise ConfigError if it can't be written, or if the workspace is no directory.
    """
    if workspace is not None and not workspace.is_dir():
        raise ConfigError(f"{workspace}: there is no such directory")
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
    """Remove *config* if it is still as `write` left it, and return True; what a person has edited stays."""
    if not _is_untouched(config):
        return False
    config.unlink()
    with suppress(OSError):  # jobs.d may lie there
        config.parent.rmdir()
    return True


def _is_untouched(config: Path) -> bool:
    try:
        text = config.read_text(encoding="utf-8")
        workspace = tomllib.loads(text).get("workspace")
    except (OSError, ValueError):
        return False
    return text == starter(Path(workspace) if isinstance(workspace, str) else None)


def main(arguments: Sequence[str]) -> int:
    """Given `write [WORKSPACE]` or `remove`, do it, say it in one line, and return the exit code."""
    verb, *rest = arguments
    config = config_path(None)
    try:
        if verb == "remove":
            kept = f"kept {config}: it is yours" if config.exists() else f"there was no {config}"
            said = f"removed {config}" if remove(config) else kept
        elif write(config, Path(rest[0]).absolute() if rest else None):
            said = f"wrote {config}"
        else:
            said = f"kept {config}: it was there already"
    except ScheduledError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{said}\n")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
