"""Open a configuration file in the user's editor: a draft is edited, checked and then saved."""

import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from scheduled import clock
from scheduled.cli.reply import print_errors
from scheduled.commands.keeping import keep
from scheduled.config.edit import PRIVATE, Edit
from scheduled.config.job_edits import file_of
from scheduled.errors import ConfigError, ScheduledError
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.state import directories
from scheduled.state.files import write_atomically


def edit_file(instance: Instance, job: str | None, *, dry_run: bool) -> dict[str, Any]:
    """Let the user edit the file of *job*, or scheduled.toml, until it is valid or the user gives up.

    Return the result of `keep`. Raise ConfigError, which names the draft, if the draft is not valid; ScheduledError if
    the editor fails.
    """
    path = instance.config_file if job is None else file_of(instance.config_file, job)
    draft, before = _draft_of(instance.paths, path)
    while True:
        change = Edit(path, before, _open_editor(draft, before))
        try:
            done = keep(instance, change, dry_run=dry_run)
        except ConfigError as error:
            print_errors([str(error)])
            if sys.stdin.isatty() and click.confirm("Edit the draft again?", default=True, err=True):
                continue
            raise ConfigError(f"{path}: not changed; your draft is {draft}") from None
        draft.unlink()
        return done


def _draft_of(paths: Paths, path: Path) -> tuple[Path, bytes]:
    """Copy a file into the directory of drafts; return the path of the draft and its content."""
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
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def _open_editor(draft: Path, before: bytes) -> bytes:
    """Let the user edit *draft* with $VISUAL or $EDITOR; return its new content."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        done = subprocess.run([*shlex.split(editor), str(draft)], check=False)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{editor}: {reason}; set EDITOR to the command of your editor") from None
    if done.returncode != 0:
        ended = f"ended with exit code {done.returncode}"
        if done.returncode < 0:
            ended = f"was ended by signal {-done.returncode}"
        failure = f"{editor}: {ended}; nothing was changed"
        if draft.read_bytes() == before:
            draft.unlink()
            raise ScheduledError(failure)
        raise ScheduledError(f"{failure}; your draft is {draft}")
    return draft.read_bytes()
