"""Find the line of a key in a TOML file, for messages. The parsers of TOML do not keep it."""

import re
import tomllib
from collections.abc import Callable, Iterator, Sequence

MESSAGE = re.compile(r"(?P<source>\S.*?): jobs\.(?P<job>\S+): (?:(?P<key>[\w.]+)(?: and [\w.]+)*: )?")
SETTING = re.compile(r"(\w+(?:\.\w+)*)(?: and [\w.]+)*: ")
KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
MULTILINE = re.compile(r'"""|' + "'''")

Path = tuple[str, ...]


def with_line(message: str, read: Callable[[str], str]) -> str:
    """Return a message about a job with the number of its line: `FILE:LINE: jobs.NAME: KEY: ...`.

    *read* returns the text of a file. A message of another form, or about a key that the file does not have, is
    returned unchanged.
    """
    found = MESSAGE.match(message)
    if found is None:
        return message
    path = ("jobs", found["job"], *(found["key"] or "").split("."))
    line = line_of(read(found["source"]), [part for part in path if part])
    return message if line is None else f"{found['source']}:{line}{message[found.end('source') :]}"


def with_line_of_setting(message: str, source: str, text: str) -> str:
    """Return the message `FILE: KEY: ...` about a setting of the file *source* with the number of its line in *text*.

    A message about a key that the text does not have is returned unchanged.
    """
    rest = message.removeprefix(f"{source}: ")
    found = SETTING.match(rest)
    line = line_of(text, found[1].split("."), above=0) if found is not None and rest != message else None
    return message if line is None else f"{source}:{line}: {rest}"


def line_of(text: str, path: Sequence[str], above: int = 1) -> int | None:
    """Return the number of the line that has the key *path* (`jobs`, the job's name, its key), or most of it.

    None if no line has more than *above* parts of it: then the text does not define the job in lines of its own. The
    first line has number 1.
    """
    best, length = None, above
    for number, found in _keys(text):
        common = _common(found, path)
        if common > length and common == min(len(found), len(path)):
            best, length = number, common
    return best


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    length = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        length += 1
    return length


def _keys(text: str) -> Iterator[tuple[int, Path]]:
    """Yield the number of each line that begins a table or a key, with its complete path."""
    table: Path = ()
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        quotes = len(MULTILINE.findall(line))
        if not inside and line.lstrip().startswith("["):
            table = _path(line) or table
            yield number, table
        elif not inside and (match := KEY.match(line)):
            yield number, (*table, *_path(f"{match[1]} = 0"))
        inside ^= quotes % 2 == 1


def _path(line: str) -> Path:
    """Return the path of the one key or table that *line* defines, () if it is not valid alone."""
    try:
        found = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    path = []
    while isinstance(found, dict) and found:
        ((key, found),) = found.items()
        path.append(key)
    return tuple(path)
