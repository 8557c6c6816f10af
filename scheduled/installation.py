"""How this copy of the program was installed, and how it is installed again. Needs nothing but the standard library."""

import os
import sys
from pathlib import Path

from scheduled.errors import EXIT_FAILED

# The packages without which nothing works, by the names they are imported with.
NEEDED = frozenset({"click", "cronsim", "crontab", "filelock", "jinja2", "msgspec", "rich", "tomlkit"})
# install.sh writes the command that it was called with here, in the environment that it makes.
ORIGIN = "installed-by"


def again(package: Path) -> str:
    """Return what installs again the copy in the directory *package*, in the way it was installed.

    The crontab has the path of the program, which has the version of Python in it: install.sh writes it again too.
    """
    environment = package.parent.parent.parent.parent
    if environment.parent.parts[-2:] == ("pipx", "venvs"):
        return f"run `pipx reinstall {environment.name}`, then `scheduled install`"
    if environment.parent.parts[-2:] == ("uv", "tools"):
        return f"run `uv tool upgrade --reinstall {environment.name}`, then `scheduled install`"
    try:
        command = (environment / ORIGIN).read_text().rstrip("\n")
    except OSError:
        return "install it again in the way you did, then run `scheduled install`"
    return f"run {command}"


def refuse_python() -> int:
    """Print that this copy was installed for another Python, and what to do; return the exit code."""
    made_for = Path(__file__).parents[2].name.removeprefix("python")
    found = ".".join(map(str, sys.version_info[:2])) + sys.abiflags
    return _refuse(
        f"was installed for Python {made_for}, and this is Python {found} (was the system upgraded?)"
    )


def refuse_without(library: str | None) -> int:
    """Print that a *library* is missing, and what to do; return the exit code."""
    return _refuse(f"its library {library} is missing")


def _refuse(reason: str) -> int:
    line = f"scheduled: {reason}; {again(Path(__file__).parent)}\n"
    os.write(2, line.encode(errors="backslashreplace"))
    return EXIT_FAILED
