"""The variables that PAM gives to the jobs of cron: those of the files that cron's PAM configuration names."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

# The configurations of the `cron` of Debian and of the `crond` of other systems.
SERVICES = (Path("/etc/pam.d/cron"), Path("/etc/pam.d/crond"))
DEFAULT = "/etc/environment"

_MODULE = r"session\s+(?:\[[^\]]*\]|\S+)\s+(?:\S*/)?pam_env\.so\b(.*)"


def variables(services: Iterable[Path] = SERVICES) -> dict[str, str]:
    """Return the variables of the files that the first existing one of *services* reads with pam_env.

    A file that can't be read sets none. /etc/security/pam_env.conf, which is empty by default, is not read.
    """
    found: dict[str, str] = {}
    service = next((text for path in services if (text := _read(path))), "")
    for name in files(service):
        found |= parse(_read(Path(name)))
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="surrogateescape")
    except OSError:
        return ""


def files(service: str) -> list[str]:
    """Return the paths of the files of variables that the PAM configuration with the text *service* reads, in order."""
    lines = [line.strip() for line in service.splitlines() if "pam_env.so" in line]
    words = [match[1].split() for line in lines if (match := re.match(_MODULE, line))]
    return [_file(options) for options in words if "readenv=0" not in options]


def _file(options: list[str]) -> str:
    named = [word.removeprefix("envfile=") for word in options if word.startswith("envfile=")]
    return named[-1] if named else DEFAULT


def parse(text: str) -> dict[str, str]:
    """Return the variables in the lines *text*, as pam_env reads them: nothing is expanded, `#` begins a comment.

    A line with a name alone deletes the variable.
    """
    found: dict[str, str] = {}
    for line in _joined(text):
        name, equals, value = line.removeprefix("export ").partition("#")[0].partition("=")
        if not equals:
            found.pop(name, None)
        elif name.isidentifier() and name.isascii():
            found[name] = _unquoted(value)
    return found


def _joined(text: str) -> Iterator[str]:
    """Yield the lines of *text* without comments. A backslash at the end continues a line."""
    begun = ""
    for line in text.split("\n"):
        stripped = line.lstrip(" \t")
        if not stripped or stripped.startswith("#"):
            continue
        if stripped.endswith("\\"):
            begun += stripped[:-1]
        else:
            yield begun + stripped
            begun = ""
    if begun:
        yield begun


def _unquoted(value: str) -> str:
    """Return *value* without a quote at its beginning and one at its end; they need not be the same."""
    if value[:1] not in {'"', "'"}:
        return value
    return value[1:-1] if value[1:].endswith(('"', "'")) else value[1:]
