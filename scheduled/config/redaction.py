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

from scheduled.config.secret_urls import URLS, is_secret_url
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
    """Return a job's table, or one of the settings, with the secrets in its `env` and its `channels` masked, and addresses."""
    found = dict(written)
    if isinstance(env := found.get("env"), dict):
        found["env"] = without_secrets(env)
    if isinstance(channels := found.get("channels"), dict):
        found["channels"] = {name: _masked_channel(value) for name, value in channels.items()}
    return found | {key: MASKED for key in URLS if is_secret_url(found.get(key))}


def _masked_channel(written: Any) -> Any:
    if isinstance(written, dict) and may_be_secret(written.get("url")):
        return {**written, "url": MASKED}
    return MASKED if may_be_secret(written) else written


def unmasked(changes: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """Return *changes* with each mask replaced by the secret that *table* has there."""
    urls = {key: table[key] for key in URLS if changes.get(key) in MASKS and key in table}
    found = {**changes, **urls}
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
    for path, table, key in tuple(_secret_places(document)):
        table[key] = MASKED if known.get((*path, key), table[key]) == table[key] else ANOTHER


def _read(text: bytes | None) -> dict[str, Any]:
    return tomllib.loads((text or b"").decode())


def _secrets(document: Mapping[str, Any]) -> Found:
    return {(*path, key): table[key] for path, table, key in _secret_places(document)}


def _secret_places(document: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Any, str]]:
    """Yield the tables with a secret, each with its path, and the key of the secret."""
    for path, table in _tables(document):
        env = table.get("env")
        if isinstance(env, dict) and path != ("notify",):
            yield from (((*path, "env"), env, key) for key in filter(is_secret_name, tuple(env)))
        yield from ((path, table, key) for key in URLS if is_secret_url(table.get(key)))
    yield from _channels(document)


def _channels(document: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Any, str]]:
    notify = document.get("notify")
    channels = notify.get("channels") if isinstance(notify, dict) else None
    for name, written in channels.items() if isinstance(channels, dict) else ():
        if isinstance(written, dict) and may_be_secret(written.get("url")):
            yield ("notify", "channels", name), written, "url"
        elif may_be_secret(written):
            yield ("notify", "channels"), channels, name


def _tables(document: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    jobs = document.get("jobs")
    tables: Found = {(name,): document.get(name) for name in ("defaults", "notify")}
    tables |= {("jobs", name): job for name, job in jobs.items()} if isinstance(jobs, dict) else {}
    yield from ((path, found) for path, found in tables.items() if isinstance(found, dict))


def _masks(text: bytes | None) -> list[str]:
    try:
        found = _secrets(_read(text))
    except ValueError:
        return []  # `check` reports a file that is not valid TOML
    return [".".join(path) for path, value in found.items() if value in MASKS]
