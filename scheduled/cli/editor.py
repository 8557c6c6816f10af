"""Having a file edited: a draft beside the state, in the user's editor."""

import os
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from scheduled import clock
from scheduled.errors import ConfigError, ScheduledError
from scheduled.paths import Paths
from scheduled.state import directories
from scheduled.state.files import write_atomically

PRIVATE = 0o600


def draft_of(paths: Paths, path: Path) -> tuple[Path, bytes]:
    """Copy a file to where it can be edited; return the copy's path and what it holds."""
    try:
        before = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    directories.prepare(paths)
    drafts = paths.root / "drafts"
    drafts.mkdir(mode=0o700, exist_ok=True)
    draft = drafts / f"{path.stem}-{datetime.fromtimestamp(clock.now(), UTC):%Y%m%dT%H%M%S.%fZ}.toml"
    write_atomically(draft, before, mode=PRIVATE)
    return draft, before


def open_editor(draft: Path, before: bytes) -> bytes:
    """Have the user edit *draft* with $VISUAL or $EDITOR; return what it holds then."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        done = subprocess.run([*shlex.split(editor), str(draft)], check=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{editor}: {getattr(error, 'strerror', None) or error}; set EDITOR") from None
    if done.returncode != 0:
        if draft.read_bytes() == before:
            draft.unlink()
            raise ScheduledError(f"{editor} ended with {done.returncode}; nothing is changed")
        raise ScheduledError(
            f"{editor} ended with {done.returncode}; nothing is changed, your draft is {draft}"
        )
    return draft.read_bytes()
