"""Find the line of a key in a TOML file, for messages. The parsers of TOML do not keep it."""

import pathlib
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from types import MappingProxyType
from typing import NamedTuple

from scheduled.state.files import RefusedError, read_regular

MESSAGE = re.compile(
    r"(?P<source>\S.*?): jobs\.(?P<job>\S+): (?:(?P<key>[\w.]+)(?:\[\d+\])*(?: and [\w.]+)*: )?"
)
SETTING = re.compile(r"(\w[\w-]*(?:\.[\w-]+|\[\d+\])*)(?: and [\w.]+)*: ")
KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
MULTILINE = re.compile(r'"""|' + "'''")
LOCATED = re.compile(r"(?P<source>\S.*?):\d+(?=: jobs\.)")

Path = tuple[str, ...]


class Index(NamedTuple):
    """The first line of each path in a text: of the key or table itself, and of what begins with it."""

    own: dict[Path, int]
    inside: dict[Path, int]


def located(
    messages: Iterable[str], drafts: Mapping[pathlib.Path, bytes | None] = MappingProxyType({})
) -> list[str]:
    """Return the *messages* of a configuration, each about a job or a setting with the number of its line.

    *drafts* are contents to use instead of those on disk.
    """

    @cache
    def text(source: str) -> str:
        draft = drafts.get(pathlib.Path(source))
        try:
            return (draft if draft is not None else read_regular(pathlib.Path(source))).decode(
                errors="replace"
            )
        except (OSError, RefusedError):
            return ""

    def placed(message: str) -> str:
        source = message.partition(": ")[0]
        found = with_line(message, text)
        return with_line_of_setting(found, source, text(source)) if source.endswith(".toml") else found

    return [placed(message) for message in messages]


def without_line(message: str) -> str:
    """Return a message of `with_line` without the number of the line, which an edit of other lines changes."""
    found = LOCATED.match(message)
    return message if found is None else found["source"] + message[found.end() :]


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
    line = (
        line_of(text, re.findall(r"[\w-]+", found[1]), above=0)
        if found is not None and rest != message
        else None
    )
    return message if line is None else f"{source}:{line}: {rest}"


def line_of(text: str, path: Sequence[str], above: int = 1) -> int | None:
    """Return the number of the line that has the key *path* (`jobs`, the job's name, its key), or most of it.

    A number in *path* is that of a table in an array (`[[notify.routes]]`), from 0 on.

    None if no line has more than *above* parts of it: then the text does not define the job in lines of its own. The
    first line has number 1.
    """
    index, wanted = _index(text), tuple(path)
    if wanted in index.inside:
        return index.inside[wanted]
    around = (wanted[:length] for length in range(len(wanted) - 1, above, -1))
    return next((index.own[part] for part in around if part in index.own), None)


@lru_cache(maxsize=8)  # messages about the jobs of one file follow each other
def _index(text: str) -> Index:
    index = Index({}, {})
    for number, found in _keys(text):
        index.own.setdefault(found, number)
        for length in range(1, len(found) + 1):
            index.inside.setdefault(found[:length], number)
    return index


def _keys(text: str) -> Iterator[tuple[int, Path]]:
    """Yield the number of each line that begins a table or a key, with its complete path."""
    table: Path = ()
    inside, arrays = False, Counter[Path]()
    for number, line in enumerate(text.splitlines(), 1):
        quotes = len(MULTILINE.findall(line))
        if not inside and line.lstrip().startswith("["):
            table = _path(line) or table
            if line.lstrip().startswith("[["):
                arrays[table] += 1
                table = (*table, str(arrays[table] - 1))
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
        found = found[0] if isinstance(found, list) and found else found  # of `[[key]]`
    return tuple(path)
