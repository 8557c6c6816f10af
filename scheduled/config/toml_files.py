"""The files of a configuration: scheduled.toml and jobs.d/*.toml beside it, or drafts of them."""

import os
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from scheduled.config.written import Drafts
from scheduled.errors import ConfigError
from scheduled.state.files import RefusedError, read_regular

LONGEST = 10_000_000  # bytes: about 50,000 jobs


def read_toml(path: Path, drafts: Drafts) -> dict[str, Any]:
    """Return the tables in the file *path*, or in its draft. Raise ConfigError if it can't be read or is not TOML."""
    try:
        draft = drafts.get(path)
        return _tables(read_regular(path, limit=LONGEST) if draft is None else draft)
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: does not exist; create it (an empty file is valid) or run `scheduled install`, which writes one with examples"
        ) from None
    except RefusedError as error:
        raise ConfigError(str(error)) from None
    except (OSError, ValueError) as error:  # not UTF-8, not TOML, or a number of thousands of digits
        raise ConfigError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    except RecursionError:
        raise ConfigError(
            f"{path}: nested too deeply; write fewer arrays and tables inside each other"
        ) from None


@lru_cache(maxsize=4)
def _tables(text: bytes) -> dict[str, Any]:
    """Return the tables of a file with this *text*, which no caller changes: an edit reads the same file several times."""
    return tomllib.loads(text.decode())


def files_of(path: Path, drafts: Drafts) -> list[Path]:
    """Return `job_files` with the *drafts* of new files, without the files that drafts delete."""
    jobs_d = path.parent / "jobs.d"
    written = {extra for extra, draft in drafts.items() if extra.parent == jobs_d and draft is not None}
    deleted = {extra for extra, draft in drafts.items() if draft is None}
    return sorted({*job_files(path), *written} - deleted)


def job_files(config_file: Path) -> list[Path]:
    """Return the files jobs.d/*.toml beside *config_file*, sorted. Raise ConfigError if jobs.d can't be listed."""
    directory = config_file.parent / "jobs.d"
    try:
        names = os.listdir(directory)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not os.path.lexists(directory):
            return []
        raise ConfigError(f"{directory}: can't be listed: {error.strerror}; its jobs do not run") from error
    return sorted(directory / name for name in names if name.endswith(".toml"))
