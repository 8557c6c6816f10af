"""Definitions as they may be shown: the values of variables that tell by their names are masked, as `show` masks them.

What is shown may come back: a mask is never written down in place of what it stands for.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from scheduled.masking import MASKED, is_telling, without_secrets

ANOTHER = f"{MASKED} (another)"
KeyPath = tuple[str, ...]
Found = dict[KeyPath, Any]


def table(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job's table as it may be shown."""
    env = written.get("env")
    return {**written, "env": without_secrets(env)} if isinstance(env, dict) else dict(written)


def kept(changes: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """Return changes of a job's table with what stands there in place of masks that were sent back."""
    env, old = changes.get("env"), table.get("env")
    if not isinstance(env, Mapping) or not isinstance(old, Mapping):
        return dict(changes)
    mended = {key: old.get(key, value) if _is_mask(key, value) else value for key, value in env.items()}
    return {**changes, "env": mended}


def faults(before: bytes | None, after: bytes | None) -> list[str]:
    """Say where an edit would write a mask down as if it were a value."""
    old = _masks(before)
    return [
        f"{where}: {MASKED} stands for a secret that is not shown, and none is known here; write the value itself"
        for where in _masks(after)
        if where not in old
    ]


def diff(path: Path, before: bytes | None, after: bytes | None) -> str:
    """Return a change as a unified diff without secrets; that one is another than before is said."""
    try:
        known = _secrets(_read(before))
        old, new = _masked(before, known), _masked(after, known)
    except (ValueError, TOMLKitError):
        return f"{path}: the change can't be shown without the secrets in it\n"
    before_lines, after_lines = (text.splitlines(keepends=True) for text in (old, new))
    return "".join(difflib.unified_diff(before_lines, after_lines, str(path), str(path)))


def _masked(text: bytes | None, known: Found) -> str:
    """Return the text of a file without secrets; raises ValueError if that can't be done for sure."""
    document = tomlkit.parse(text or b"")
    _mask(document, known)
    shown, expected = tomlkit.dumps(document), _read(text)
    _mask(expected, known)
    if tomllib.loads(shown) != expected:
        raise ValueError("written in a way in which not every secret is found")
    return shown


def _mask(document: Mapping[str, Any], known: Found) -> None:
    for place, env in _environments(document):
        for key in filter(is_telling, tuple(env)):
            env[key] = MASKED if known.get((*place, key), env[key]) == env[key] else ANOTHER


def _read(text: bytes | None) -> dict[str, Any]:
    return tomllib.loads((text or b"").decode())


def _secrets(document: Mapping[str, Any]) -> Found:
    found = _environments(document)
    return {(*place, key): value for place, env in found for key, value in env.items() if is_telling(key)}


def _environments(document: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    jobs = document.get("jobs")
    tables: Found = {("defaults",): document.get("defaults")}
    tables |= {("jobs", name): job for name, job in jobs.items()} if isinstance(jobs, dict) else {}
    for place, found in tables.items():
        env = found.get("env") if isinstance(found, dict) else None
        if isinstance(env, dict):
            yield (*place, "env"), env


def _masks(text: bytes | None) -> list[str]:
    try:
        found = _secrets(_read(text))
    except ValueError:
        return []  # what is wrong with the file is said by those who check it
    return [".".join(place) for place, value in found.items() if _is_mask(place[-1], value)]


def _is_mask(key: str, value: Any) -> bool:
    return is_telling(key) and value in (MASKED, ANOTHER)
