"""Mask secrets in job definitions and in diffs of them.

A masked definition may be sent back in an edit. A mask is never written to a file: the secret keeps its value, or
the edit is refused.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from scheduled.core.channels import may_be_secret
from scheduled.masking import MASKED, is_secret_name, without_secrets

ANOTHER = f"{MASKED} (another)"  # in a diff: a secret that the edit changes
MASKS = (MASKED, ANOTHER)
COMMENT = "# ..."  # in a diff: a comment, of which the text is not shown
# A string, also one over several lines, or a comment (the last alternative).
STRING_OR_COMMENT = re.compile(
    r'''"""(?:\\.|[^\\])*?""""{0,2}|\'{3}.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|(\#[^\r\n]*)''',
    re.DOTALL,
)
KeyPath = tuple[str, ...]
Found = dict[KeyPath, Any]


def masked_table(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job's table, or one of the settings, with the secrets in its `env` and its `channels` masked."""
    found = dict(written)
    if isinstance(env := found.get("env"), dict):
        found["env"] = without_secrets(env)
    if isinstance(channels := found.get("channels"), dict):
        found["channels"] = {name: _masked_channel(value) for name, value in channels.items()}
    return found


def _masked_channel(written: Any) -> Any:
    if isinstance(written, dict) and may_be_secret(written.get("url")):
        return {**written, "url": MASKED}
    return MASKED if may_be_secret(written) else written


def unmasked(changes: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """Return *changes* with each mask in `env` and `channels` replaced by the secret that *table* has there."""
    found = dict(changes)
    for name, restored in (("env", _restored), ("channels", _restored_channel)):
        new, old = changes.get(name), table.get(name)
        if isinstance(new, Mapping) and isinstance(old, Mapping):
            found[name] = {key: restored(key, value, old.get(key, value)) for key, value in new.items()}
    return found


def _restored(key: str, value: Any, old: Any) -> Any:
    """Return the *old* value in the place of a mask of it."""
    return old if is_secret_name(key) and value in MASKS else value


def _restored_channel(_name: str, value: Any, old: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(old, Mapping) and value.get("url") in MASKS:
        return {**value, "url": old.get("url", value["url"])}
    return old if value in MASKS else value


def mask_problems(before: bytes | None, after: bytes | None) -> list[str]:
    """Return a problem for each mask that an edit would write to the file as a value."""
    old = _masks(before)
    return [
        f"{key}: {MASKED} is the mask of a secret, and no value is known for it; write the value itself"
        for key in _masks(after)
        if key not in old
    ]


def diff(path: Path, before: bytes | None, after: bytes | None, *, comments: bool = True) -> str:
    """Return a change as a unified diff with secrets masked; a secret with a new value is marked.

    The texts of *comments* are left out if that is False: they may have secrets, for example a key that is commented out.
    """
    try:
        known = _secrets(_read(before))
        old, new = (_masked(text, known, comments=comments) for text in (before, after))
    except (ValueError, TOMLKitError):
        return f"{path}: the diff is not shown, because its secrets can't all be masked\n"
    before_lines, after_lines = (text.splitlines(keepends=True) for text in (old, new))
    return "".join(difflib.unified_diff(before_lines, after_lines, str(path), str(path)))


def _masked(text: bytes | None, known: Found, *, comments: bool) -> str:
    """Return the text of a file with secrets masked. Raise ValueError if a secret may be left in it."""
    document = tomlkit.parse(text or b"")
    _mask(document, known)
    shown, expected = tomlkit.dumps(document), _read(text)
    if not comments:
        shown = STRING_OR_COMMENT.sub(lambda found: COMMENT if found[1] else found[0], shown)
    _mask(expected, known)
    if tomllib.loads(shown) != expected:
        raise ValueError("the masked text does not parse to the masked document")
    return shown


def _mask(document: Mapping[str, Any], known: Found) -> None:
    for path, table, key in tuple(_places(document)):
        table[key] = MASKED if known.get((*path, key), table[key]) == table[key] else ANOTHER


def _read(text: bytes | None) -> dict[str, Any]:
    return tomllib.loads((text or b"").decode())


def _secrets(document: Mapping[str, Any]) -> Found:
    return {(*path, key): table[key] for path, table, key in _places(document)}


def _places(document: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Any, str]]:
    """Yield the path, the table and the key of each secret in *document*."""
    for path, env in _environments(document):
        yield from ((path, env, key) for key in env if is_secret_name(key))
    notify = document.get("notify")
    channels = notify.get("channels") if isinstance(notify, dict) else None
    for name, written in channels.items() if isinstance(channels, dict) else ():
        if isinstance(written, dict) and may_be_secret(written.get("url")):
            yield ("notify", "channels", name), written, "url"
        elif may_be_secret(written):
            yield ("notify", "channels"), channels, name


def _environments(document: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    jobs = document.get("jobs")
    tables: Found = {("defaults",): document.get("defaults")}
    tables |= {("jobs", name): job for name, job in jobs.items()} if isinstance(jobs, dict) else {}
    for path, found in tables.items():
        env = found.get("env") if isinstance(found, dict) else None
        if isinstance(env, dict):
            yield (*path, "env"), env


def _masks(text: bytes | None) -> list[str]:
    try:
        found = _secrets(_read(text))
    except ValueError:
        return []  # `check` reports a file that is not valid TOML
    return [".".join(path) for path, value in found.items() if value in MASKS]
