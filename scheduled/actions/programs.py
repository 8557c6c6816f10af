"""Find the programs and scripts of a command that do not exist, without running it."""

import os
import re
import shlex
import shutil
from collections.abc import Iterator

from scheduled.core.jobs import Action

# Programs that take a script as their first argument.
INTERPRETER = re.compile(r"(?:.*/)?(?:sh|dash|bash|zsh|ksh|perl|ruby|node|python[\d.]*)")
# `cd DIRECTORY` before the rest of a line; a directory that the shell expands cannot be looked up.
CD = re.compile(r"""\s*cd\s+(?:--\s+)?('[^']*'|"[^"$`\\\n]*"|[^\s;&|$`*?\[\]{}()<>"'\\]+)\s*(?:&&|;|\n|$)""")
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
    if words:
        yield from _program(words[0], path, directory)
        yield from _script(words, directory)


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
    plain = []
    for word in words:
        if SHELL_SYNTAX.search(word.removeprefix("~/")):
            break
        plain.append(word)
    return plain if plain and plain[0] not in SHELL_WORDS else []


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


def missing_file(key: str, name: str, directory: str) -> Iterator[str]:
    """Yield a warning, beginning with *key*, if the file *name* does not exist; a relative path begins in *directory*."""
    if not os.path.exists(os.path.join(directory, os.path.expanduser(name))):
        yield f"{key}: {name} does not exist in {directory}; create it, or correct the path"
