"""The service files of the session bus. With them the bus starts `scheduled dbus` when a client calls it."""

import os
import shlex
from pathlib import Path

from scheduled.errors import ConfigError, StateError
from scheduled.install.block import InstallPlan
from scheduled.notify.session_bus import PATHS
from scheduled.state.files import make_directories, write_atomically

# The first line of each file. A file without it was not written by this program.
MARK = "# Put here by `scheduled install --dbus`; `scheduled uninstall` takes it out.\n"


def directory() -> Path:
    """Return the directory of the user's services for the session bus."""
    chosen = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification requires that relative paths are ignored.
    return (Path(chosen) if chosen.startswith("/") else Path.home() / ".local/share") / "dbus-1/services"


def files(plan: InstallPlan) -> dict[Path, str]:
    """Return the content of each service file by its path. Raise ConfigError if a path can't be written in one."""
    words = [
        str(plan.python),
        "-I",
        str(plan.main),
        "--config",
        str(plan.config),
        "--state",
        str(plan.state),
        "dbus",
    ]
    for word in words:
        if bad := set(word) & set("\0\r\n\\"):
            raise ConfigError(
                f"{word!r}: can't be written in a service file: it contains {min(bad)!r}; use another path"
            )
    start = shlex.join(words)
    return {
        directory() / f"{name}.service": f"{MARK}[D-BUS Service]\nName={name}\nExec={start}\n" for name in PATHS
    }  # fmt: skip


def install(plan: InstallPlan, *, dry_run: bool) -> list[str]:
    """Write the service files and return the paths of those that change.

    Raise ConfigError, with nothing written, if such a file exists that this program did not write.
    """
    wanted = {path: text for path, text in files(plan).items() if _content(path) != text}
    for path in wanted:
        found = _content(path)
        if found is not None and not found.startswith(MARK):
            raise ConfigError(f"{path}: was not written by `scheduled install --dbus`; move it away first")
    if not dry_run:
        for path, text in wanted.items():
            make_directories(path.parent)
            write_atomically(path, text.encode(), mode=0o600)
    return [str(path) for path in wanted]


def is_installed() -> bool:
    """Return whether the session bus has a service file that this program wrote."""
    return bool(_own_files())


def _own_files() -> list[Path]:
    paths = [directory() / f"{name}.service" for name in PATHS]
    return [path for path in paths if (_content(path) or "").startswith(MARK)]


def uninstall(*, dry_run: bool) -> list[str]:
    """Remove the service files that this program wrote and return their paths."""
    own = _own_files()
    if not dry_run:
        for path in own:
            path.unlink()
    return [str(path) for path in own]


def _content(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from error
