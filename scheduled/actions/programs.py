"""Find the programs and scripts of a command that do not exist, without running it."""

import os
import re
import shlex
import shutil
from collections.abc import Iterator, Sequence

from scheduled.core.jobs import Action

# Programs that take a script as their first argument.
INTERPRETER = re.compile(r"(?:.*/)?(?:sh|dash|bash|zsh|ksh|perl|ruby|node|python[\d.]*)")
# `cd DIRECTORY` before the rest of a line; a directory that the shell expands cannot be looked up.
CD = re.compile(r"""\s*cd\s+(?:--\s+)?('[^']*'|"[^"$`\\\n]*"|[^\s;&|$`*?\[\]{}()<>"'\\]+)\s*(?:&&|;|\n|$)""")
# Programs that start the program behind their options, each with the options that take a value of their own. `timeout` takes
# a duration before the program.
STARTERS = {
    "exec": (),
    "nohup": (),
    "setsid": (),
    "time": (),
    "env": ("-u", "-C", "-S"),
    "nice": ("-n",),
    "ionice": ("-c", "-n", "-p"),
    "timeout": ("-s", "-k"),
}
# A word that the shell expands, or that is no program; it cannot be looked up.
SHELL_SYNTAX = re.compile(r"[$`*?(){}\[\]<>|&;!~#=\\\"']")
SHELL_WORDS = frozenset(
    [
        ".",
        ":",
        "[",
        "alias",
        "bg",
        "break",
        "case",
        "cd",
        "command",
        "continue",
        "do",
        "done",
        "echo",
        "elif",
        "else",
        "esac",
        "eval",
        "exec",
        "exit",
        "export",
        "false",
        "fc",
        "fg",
        "fi",
        "for",
        "function",
        "getopts",
        "hash",
        "if",
        "in",
        "jobs",
        "kill",
        "printf",
        "pwd",
        "read",
        "readonly",
        "return",
        "select",
        "set",
        "shift",
        "test",
        "then",
        "time",
        "times",
        "trap",
        "true",
        "type",
        "ulimit",
        "umask",
        "unalias",
        "unset",
        "until",
        "wait",
        "while",
    ]
)


def missing(action: Action, path: str, directory: str) -> Iterator[str]:
    """Yield a warning for the program, and the script of an interpreter, that the command needs and that do not exist.

    *path* is the PATH and *directory* the working directory of the job. Only the first words of a shell line are looked
    up, as far as the shell does not expand them.
    """
    yield from _directory(action.line)
    words = list(action.words) or _plain_words(action.line.strip().partition("\n")[0])
    while words:
        if words[0] not in SHELL_WORDS:
            yield from _program(words[0], path, directory)
        yield from _script(words, directory)
        words = _started(words)


def _directory(line: str) -> Iterator[str]:
    """Yield a warning if a shell line begins with `cd` to an absolute directory that does not exist."""
    found = CD.match(line)
    words = shlex.split(found[1]) if found is not None else []
    if (
        len(words) == 1
        and words[0].startswith(("/", "~/"))
        and not os.path.isdir(os.path.expanduser(words[0]))
    ):
        yield f"command: {words[0]} is not a directory; create it, or correct the path"


def _started(words: Sequence[str]) -> list[str]:
    """Return the words of the program that *words* start, such as those behind `nohup`; [] if there is none."""
    name = os.path.basename(words[0])
    if name not in STARTERS:
        return []
    rest = list(words[1:])
    while rest and (rest[0].startswith("-") or re.fullmatch(r"[A-Za-z_]\w*=.*", rest[0])):
        del rest[: 2 if rest[0] in STARTERS[name] else 1]
    return rest[1:] if name == "timeout" else rest


def _plain_words(line: str) -> list[str]:
    """Return the words of a shell line up to the first that the shell treats specially, without assignments."""
    try:
        words = shlex.split(line, posix=False)
    except ValueError:
        return []
    while words and re.fullmatch(r"[A-Za-z_]\w*=\S*", words[0]):
        if words[0].startswith("PATH="):
            return []
        del words[0]
    plain: list[str] = []
    for word in words:
        assigned = plain and re.fullmatch(r"[A-Za-z_]\w*=[\w./:-]*", word)  # behind `env`
        if SHELL_SYNTAX.search(word.removeprefix("~/")) and not assigned:
            break
        plain.append(word)
    return plain if plain and (plain[0] not in SHELL_WORDS or plain[0] in STARTERS) else []


def _program(word: str, path: str, directory: str) -> Iterator[str]:
    name = os.path.expanduser(word)
    if "/" not in name:
        if shutil.which(name, path=path) is None:
            yield f"command: there is no program {word} in the PATH of jobs ({path}); write its absolute path, or set PATH in env"
        return
    place = os.path.join(directory, name)
    if not os.path.exists(place):
        yield f"command: {word} does not exist; create it, or correct the path"
    elif os.path.isdir(place) or not os.access(place, os.X_OK):
        yield f"command: {word} is not an executable file; run `chmod +x {word}`, or correct the path"


def _script(words: list[str], directory: str) -> Iterator[str]:
    if INTERPRETER.fullmatch(words[0]) and len(words) > 1 and not words[1].startswith("-"):
        yield from missing_file("command", words[1], directory)


def missing_file(key: str, name: str, directory: str, *, limit: int = 0) -> Iterator[str]:
    """Yield a warning, beginning with *key*, if the file *name* does not exist; a relative path begins in *directory*.

    With a *limit*, in bytes, also if it is larger, or is not a regular file that the user can read.
    """
    path = os.path.expanduser(name)
    place = os.path.join(directory, path)
    if not os.path.exists(place):
        inside = "" if os.path.isabs(path) or not directory else f" in {directory}"
        yield f"{key}: {name} does not exist{inside}; create it, or correct the path"
    elif limit:
        yield from _unreadable(key, name, place, limit)


def _unreadable(key: str, name: str, place: str, limit: int) -> Iterator[str]:
    if not os.path.isfile(place):
        yield f"{key}: {name} is not a regular file; write the path of one"
    elif not os.access(place, os.R_OK):
        yield f"{key}: {name} can't be read; run `chmod u+r {name}`, or correct the path"
    elif os.path.getsize(place) > limit:
        yield f"{key}: {name} is larger than {limit} bytes, which is the most that is read; shorten it"
