"""The user's crontab as bytes, in and out through the `crontab` command and nothing else."""

import os
import pwd
import subprocess
import sys

from scheduled.errors import ScheduledError

# What Debian's `crontab -l` makes of two characters; `crontab -` takes them as they are.
_SHOWN_AS = {b"\r": rb"\r", b"\b": rb"\b"}


class CrontabError(ScheduledError):
    """The `crontab` command failed, with its own words. Exit code 1."""


class CrontabMissingError(CrontabError):
    """There is no `crontab` command on this machine. Exit code 1."""


class CrontabRefusedError(CrontabError):
    """The user may not have a crontab (cron.allow, cron.deny). Exit code 1."""


def user() -> str:
    """Return the name of the user whose crontab is meant: the one who runs this."""
    return name_of(os.getuid())


def name_of(uid: int) -> str:
    """Return the name that goes with a user id; the number itself where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def read() -> bytes:
    """Return the user's crontab, empty if there is none. Raise CrontabError if it can't be read."""
    done = _crontab("-l")
    if done.returncode == 0:
        return _exact(done.stdout)
    if b"no crontab for" in done.stderr:
        return b""
    raise _error("crontab -l", done.stderr)


def _exact(listed: bytes) -> bytes:
    r"""Given what `crontab -l` printed, return the bytes that the crontab really holds.

    Debian's prints a carriage return as the two characters `\r`, a backspace as `\b`. Where one of these
    is seen, an editor that only shows its file (`cat`) tells what it stands for.
    """
    if not any(shown in listed for shown in _SHOWN_AS.values()):
        return listed
    edited = _crontab("-e", VISUAL="cat", EDITOR="cat").stdout
    if listed in {edited, _shown(edited)}:
        return edited
    raise CrontabError(
        r"your crontab holds `\r` or `\b`, and what that stands for can't be read; nothing was changed"
    )


def _shown(crontab: bytes) -> bytes:
    for character, shown in _SHOWN_AS.items():
        crontab = crontab.replace(character, shown)
    return crontab


def write(crontab: bytes) -> None:
    """Make *crontab* the user's; an empty one is no crontab at all. The command's own warnings are passed on."""
    done = _crontab("-", crontab) if crontab else _crontab("-r")
    if done.returncode != 0 and not (b"no crontab for" in done.stderr and not crontab):
        raise _error("crontab -", done.stderr)
    if crontab and done.stderr:
        sys.stderr.write(_text(done.stderr) + "\n")


def _crontab(argument: str, stdin: bytes = b"", **variables: str) -> subprocess.CompletedProcess[bytes]:
    # Its words are compared, so ask for the untranslated ones; CRONTAB_NOHEADER=N would add lines to `-l`.
    environment = {name: value for name, value in os.environ.items() if name != "CRONTAB_NOHEADER"}
    environment |= {"LC_ALL": "C", **variables}
    command = ["crontab", argument]
    try:
        return subprocess.run(command, input=stdin, capture_output=True, check=False, env=environment)
    except (FileNotFoundError, PermissionError):
        raise CrontabMissingError(
            "there is no `crontab` command: install cron (Debian, Ubuntu: `sudo apt-get install cron`)"
        ) from None


def _error(what: str, stderr: bytes) -> CrontabError:
    said = _text(stderr) or "no reason was given"
    if b"not allowed" in stderr:
        return CrontabRefusedError(
            f"{user()} may not have a crontab (see /etc/cron.allow, /etc/cron.deny): {said}"
        )
    return CrontabError(f"`{what}` failed: {said}")


def _text(said: bytes) -> str:
    return said.decode(errors="replace").strip()
