"""The session bus's service files: with them the bus starts `scheduled dbus` when somebody calls."""

import os
import shlex
from pathlib import Path

from scheduled.errors import ConfigError, StateError
from scheduled.install.block import InstallPlan
from scheduled.notify.session_bus import PATHS
from scheduled.state.files import make_directories, write_atomically

MARK = "# Put here by `scheduled install --dbus`; `scheduled uninstall` takes it out.\n"


def directory() -> Path:
    """Return where the session bus looks for a user's own services."""
    chosen = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification: a relative path is to be ignored.
    return (Path(chosen) if chosen.startswith("/") else Path.home() / ".local/share") / "dbus-1/services"


def files(plan: InstallPlan) -> dict[Path, str]:
    """Return what each service file is to hold; raises ConfigError if a path can't stand in one."""
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
            raise ConfigError(f"{word!r} can't stand in a service file: it contains {min(bad)!r}")
    start = shlex.join(words)
    return {
        directory() / f"{name}.service": f"{MARK}[D-BUS Service]\nName={name}\nExec={start}\n" for name in PATHS
    }  # fmt: skip


def install(plan: InstallPlan, *, dry_run: bool) -> list[str]:
    """Write the service files; return those that were, or would be, changed. Somebody else's are refused."""
    wanted = {path: text for path, text in files(plan).items() if _held(path) != text}
    for path in wanted:
        held = _held(path)
        if held is not None and not held.startswith(MARK):
            raise ConfigError(f"{path}: is somebody else's; move it away first")
    if not dry_run:
        for path, text in wanted.items():
            make_directories(path.parent)
            write_atomically(path, text.encode(), mode=0o600)
    return [str(path) for path in wanted]


def is_installed() -> bool:
    """Return whether the session bus has a service file of ours."""
    return bool(_ours())


def _ours() -> list[Path]:
    return [path for name in PATHS if (_held(path := directory() / f"{name}.service") or "").startswith(MARK)]


def uninstall(*, dry_run: bool) -> list[str]:
    """Remove the service files that are ours; return them."""
    ours = _ours()
    if not dry_run:
        for path in ours:
            path.unlink()
    return [str(path) for path in ours]


def _held(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from error
