"""Where a target becomes part of a command, and what could interpret it there: a shell, another interpreter, an option."""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from scheduled.core.jobs import Action
from scheduled.printable import printable

TARGET = "{target}"
# What no shell interprets. A program could interpret a target that begins with a hyphen as an option.
SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+:./-")
# They execute the word after the option as a program: -c, also among other letters as in -ec, or -e.
INTERPRETER = re.compile(
    r"(ba|da|z|k|mk|pdk|a|c|tc|fi|rba)?sh|su|runuser|flock|script|python[0-9.]*|perl[0-9.]*|ruby[0-9.]*|node|php[0-9.]*|lua[0-9.]*"
)
PROGRAM_OPTION = re.compile(r"-[A-Za-z]*[ceErS].*|--(command|session-command|eval|execute|print|run)(=.*)?")
WHOLE = frozenset(
    {"ssh", "autossh", "mosh", "watch", "parallel", "eval"}
)  # a shell executes all of their words


def fault(action: Action, target: str) -> str:
    """Return why *target* can't become part of the command *action*; "" if it can."""
    if TARGET in action.line and not is_safe(target):
        return (
            f"{TARGET} can't be {printable(target)!r} in a line for the shell, which could interpret it: write"
            ' "$SCHEDULED_TARGET" instead, with the quotes, or the command as a list of words'
        )
    if not is_safe(target) and any(TARGET in word for word in _executed(action.words)):
        return (
            f"{TARGET} can't be {printable(target)!r} in a word that a shell or another interpreter executes: write"
            ' "$SCHEDULED_TARGET" there instead, with the quotes, or give it a word of its own after the program'
        )
    if target.startswith("-") and any(word.startswith(TARGET) for word in _without_dashes(action.words)):
        return (
            f"{TARGET} can't be {printable(target)!r} at the beginning of a word, because a program could take it for an"
            ' option: write the word "--" before it if the program accepts that'
        )
    return ""


def is_safe(target: str) -> bool:
    """Return whether no shell interprets *target*, and no program takes it for an option."""
    return SAFE.issuperset(target) and not target.startswith("-")


def _executed(words: Sequence[str]) -> Iterator[str]:
    """Yield the words that a shell or another interpreter executes as a program, also one that another program starts."""
    interpreter = awaited = False
    for word in words:
        name = PurePath(word).name
        if name in WHOLE:
            yield from words[words.index(word) + 1 :]
            return
        if awaited or (interpreter and PROGRAM_OPTION.fullmatch(word)):
            yield word  # the option may have the program attached; further options may follow it
            awaited = not awaited or word.startswith(("-", "+"))
            continue
        interpreter = interpreter or INTERPRETER.fullmatch(name) is not None or name == "env"


def _without_dashes(words: Sequence[str]) -> Iterator[str]:
    """Yield the words that do not follow `--`."""
    return (word for before, word in zip(("", *words), words, strict=False) if before != "--")
