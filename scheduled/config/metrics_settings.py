"""The table `[metrics]`: which labels and files it may name, and the file that it means."""

import os
import re
from pathlib import Path

from scheduled.config.tables import MetricsTable
from scheduled.errors import ConfigError

NAME = re.compile("[a-zA-Z_][a-zA-Z0-9_]*")
# Prometheus sets the first two itself, and renames those of a file; the others are labels of single metrics.
TAKEN = frozenset(
    {"job", "instance", "job_name", "target", "status", "reason", "severity", "version", "python", "le", "quantile"}
)  # fmt: skip
SUFFIX, DEFAULT_NAME = ".prom", "scheduled.prom"


def refuse_invalid(path: Path, metrics: MetricsTable) -> None:
    """Raise ConfigError, naming the file *path*, if a key of *metrics* has a value that cannot be used."""
    textfile = metrics.textfile
    if textfile is not None and ("\0" in textfile or not os.path.isabs(os.path.expanduser(textfile))):
        raise ConfigError(
            f"{path}: metrics.textfile: must be an absolute path, got {textfile!r}; "
            'write for example "/var/lib/prometheus/node-exporter"'
        )
    for name in metrics.labels or {}:
        if not NAME.fullmatch(name) or name.startswith("__"):
            raise ConfigError(
                f"{path}: metrics.labels: {name!r} is not the name of a label; use letters, digits and underscores"
            )
        if name in TAKEN:
            raise ConfigError(f"{path}: metrics.labels: {name!r} has a meaning already; use another name")


def file_of(textfile: str) -> Path:
    """Return the file that `textfile` means: itself if it ends with `.prom`, otherwise one in this directory."""
    path = Path(textfile).expanduser()
    return path if path.suffix == SUFFIX and not path.is_dir() else path / DEFAULT_NAME
