"""A file of definitions in the user's editor: a draft is edited, and checked before it is kept."""

import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from scheduled import clock
from scheduled.config.edit import PRIVATE, Edit, file_of, keep
from scheduled.errors import ConfigError, ScheduledError
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.state import directories
from scheduled.state.files import write_atomically


def edit_file(instance: Instance, job: str | None, *, dry_run: bool) -> dict[str, Any]:
    """Have the user edit the file of *job*, or scheduled.toml, until it is sound or they give up.

    Return what `keep` does. Raises ConfigError if the draft is not kept, and names it; ScheduledError if the editor
    failed.
    """
    path = instance.config_file if job is None else file_of(instance.config_file, job)
    draft, before = _draft_of(instance.paths, path)
    while True:
        change = Edit(path, before, _open_editor(draft, before))
        try:
            done = keep(instance.config_file, instance.paths, change, dry_run=dry_run)
        except ConfigError as error:
            click.echo(f"scheduled: {error}", err=True)
            if sys.stdin.isatty() and click.confirm("edit it again?", default=True, err=True):
                continue
            raise ConfigError(f"not kept; your draft is {draft}") from None
        draft.unlink()
        return done


def _draft_of(paths: Paths, path: Path) -> tuple[Path, bytes]:
    """Copy a file to where it can be edited; return the copy's path and what it holds."""
    before = _read(path)
    directories.prepare(paths)
    drafts = paths.root / "drafts"
    drafts.mkdir(mode=0o700, exist_ok=True)
    made = datetime.fromtimestamp(clock.now(), UTC)
    draft = drafts / f"{path.stem}-{made:%Y%m%dT%H%M%S.%fZ}.toml"
    write_atomically(draft, before, mode=PRIVATE)
    return draft, before


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def _open_editor(draft: Path, before: bytes) -> bytes:
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
