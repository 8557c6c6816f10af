"""The environment that every job gets, however its run was started: that of a job of cron.

A tick that cron started has it already. For every other way it is computed from the same sources.
"""

import os
import pwd
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

# Variables that a shell sets for itself. They differ between shells and are not meant for jobs.
OF_SHELLS = frozenset({"PWD", "OLDPWD", "SHLVL", "_"})
# What Debian's `crontab -l` prints for a carriage return and a backspace: the exact bytes are then not known.
_ESCAPES = (rb"\r", rb"\b")
Layer = tuple[str, dict[str, str]]  # a source, and the variables that it sets


def of_jobs(config: Path, state: Path, *, with_crontab: Callable[[], bool] = lambda: True) -> dict[str, str]:
    """Return the environment of all jobs of the instance with these paths, before their `env` and `env_file`.

    If *with_crontab* returns false, the variables of the user's crontab are left out, and `crontab` is not called. It is
    called only if cron did not start this process.
    """
    return _merged(layers(config, state, with_crontab=with_crontab))


def layers(config: Path, state: Path, *, with_crontab: Callable[[], bool] = lambda: True) -> list[Layer]:
    """Return the same environment by its sources; a later source wins over an earlier one."""
    if is_from_cron(os.getppid()):
        found: list[Layer] = [("cron", of_caller())]
    else:
        found = _of_crontab(crontab_variables() if with_crontab() else {})
    complete_one = complete(_merged(found), config, state)
    usable = [(source, {name: one[name] for name in one if name in complete_one}) for source, one in found]
    known = _merged(usable)
    added = {name: value for name, value in complete_one.items() if known.get(name) != value}
    return [
        *usable,
        ("cron", {name: added.pop(name) for name in ("USER",) if name in added}),
        ("scheduled", added),
    ]


def _merged(found: Iterable[Layer]) -> dict[str, str]:
    return {name: value for _, variables in found for name, value in variables.items()}


def inherited(
    config: Path, state: Path, *, with_crontab: Callable[[], bool] = lambda: True
) -> dict[str, str]:
    """Return the same environment with all variables of this process, for `--inherit-env`."""
    return complete({**of_jobs(config, state, with_crontab=with_crontab), **of_caller()}, config, state)


def of_caller() -> dict[str, str]:
    """Return the variables that this process was started with, without those that a shell sets for itself.

    In the C locale Python adds LC_CTYPE to its own environment.
    """
    try:
        added = b"\0LC_CTYPE=" not in b"\0" + Path("/proc/self/environ").read_bytes()
    except OSError:
        added = False
    excluded = OF_SHELLS | {"LC_CTYPE"} if added else OF_SHELLS
    return {name: value for name, value in os.environ.items() if name not in excluded}


def compare(caller: Mapping[str, str], given: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the names of the variables of *caller* that *given* does not have, and of those with another value."""
    names = sorted(caller)
    missing = [name for name in names if name not in given]
    return missing, [name for name in names if name in given and given[name] != caller[name]]


def complete(given: Mapping[str, str], config: Path, state: Path) -> dict[str, str]:
    """Return *given* with USER and with the paths of the instance."""
    # Other names can't be used in a shell, and the shell that cron starts does not pass them on.
    kept = {
        name: value
        for name, value in given.items()
        if name.isascii() and name.isidentifier() and name not in OF_SHELLS
    }
    kept.setdefault("USER", kept.get("LOGNAME", ""))  # Debian's cron sets only LOGNAME
    return kept | {"SCHEDULED_CONFIG": str(config), "SCHEDULED_STATE": str(state)}


def from_crontab(crontab: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which cron starts a line of the user's crontab that has the variables *crontab*.

    cron sets LOGNAME; HOME, SHELL and PATH unless the crontab does; those of PAM only fill in what is missing.
    """
    return _merged(_of_crontab(crontab))


def _of_crontab(crontab: Mapping[str, str]) -> list[Layer]:
    from scheduled.install import pam_environment

    name, home = _user()
    defaults = {"HOME": home, "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    return [
        ("PAM", pam_environment.variables()),
        ("cron", defaults),
        ("crontab", dict(crontab)),
        ("cron", {"LOGNAME": name}),
    ]


def _user() -> tuple[str, str]:
    """Return the name and the home directory of the user who owns the crontab."""
    try:
        found = pwd.getpwuid(os.getuid())
    except KeyError:  # cron runs nothing for this user
        return str(os.getuid()), os.environ.get("HOME", "/")
    return found.pw_name, found.pw_dir


def crontab_variables() -> dict[str, str]:
    """Return the variables of the user's crontab; none if there is no crontab, no cron, or it can't be read."""
    from scheduled.install.crontab_list import listed

    found = listed()
    if not found:
        return {}
    from scheduled.install.crontab_variables import variables

    if any(escape in found for escape in _ESCAPES):
        found = _read()[0] or found
    return variables(found)


def unreadable_crontab() -> str:
    """Return the reason if the user has a crontab that can't be read; otherwise ""."""
    return _read()[1]


def _read() -> tuple[bytes, str]:
    from scheduled.install import crontab_command

    try:
        return crontab_command.read(), ""
    except (crontab_command.CrontabMissingError, crontab_command.CrontabRefusedError):
        return b"", ""  # cron runs nothing for this user
    except (crontab_command.CrontabError, crontab_command.CrontabChangedError) as error:
        return b"", str(error)


def is_from_cron(parent: int) -> bool:
    """Return whether cron started the child of *parent*: directly, or with `SHELL -c LINE`.

    If that can't be found out, return False: then the environment is computed, with the same result.
    """
    try:
        if _is_shell_line(parent):
            parent = _parent_of(parent)
        return Path(f"/proc/{parent}/comm").read_text().strip().rstrip("d").endswith("cron")
    except (OSError, ValueError, IndexError):
        return False


def _is_shell_line(process: int) -> bool:
    return Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[1:2] == [b"-c"]


def _parent_of(process: int) -> int:
    # The name of the process, in parentheses, may contain blanks.
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
