"""The paths of the configuration, of the state directory and of the files in it."""

import os
from collections.abc import Iterator
from pathlib import Path

from scheduled.digests import sha256
from scheduled.errors import BadNameError

STOP = ".stop"  # the suffix of an order to end an attempt
REPLACED = ".replaced"  # the suffix of a note that a tick ends an attempt
SECRETS = ".secrets"  # the suffix of a file with the secrets of an attempt
UNPRINTED = ".unprinted"  # of the file of a tick that has not printed what it announced
LONGEST_NAME = 255  # bytes of a file name
LONGEST_ID = 235  # bytes of a run id: with `.1000.report.damaged` those that a file name may have


class Paths:
    """The state directory *root* and the paths in it.

    With *config*, the path of scheduled.toml, the ledger is opened only if the state belongs to that configuration.
    The paths that are made of the id of a run or the name of a tick raise BadNameError if that is no file name: it would
    lead out of the directory.
    """

    def __init__(self, root: Path, config: Path | None = None) -> None:
        self.root = root
        self.config = config
        self.snapshot = root / "scheduled_state.json"
        self.ledger = root / "ledger.db"
        self.parsed = root / "parsed_configuration"
        self.output = root / "output"
        self.reports = root / "reports"
        self.results = root / "results"
        self.backups = root / "backups"
        self.spool = root / "spool"
        self.trials = root / "trials"
        self.refused = root / "refused"  # why the configuration was refused, and when that was printed
        # Problems that did not prevent a result; the command line prints them after it.
        self.remarks: list[str] = []
        # The file that shows that a tick of this process has still to print what it announced, and its open descriptor.
        self.unprinted: list[tuple[Path, int]] = []
        # The message that the ledger is lost, if an answer was restored from the snapshot; the command line exits with 1.
        self.lost: str | None = None

    def output_of(self, run_id: str, attempt: int) -> Path:
        """Return the path of the output of an attempt. The file is also the lock of the run.

        Its directory is one of 256, by the id of the run: there may be very many jobs, and very many runs of one job. An
        output of an earlier version is in the directory above.
        """
        return self._in_output(run_id, f"{run_id}.{attempt}.log")

    def output_beside(self, file: Path) -> Path:
        """Return the path of the output of the attempt to which *file* belongs, as for `run_of`."""
        return self._in_output(self.run_of(file), f"{file.stem}.log")

    def _in_output(self, run_id: str, name: str) -> Path:
        above = self.output / _name(name)
        if os.path.lexists(above):
            return above
        return self.output / sha256(os.fsencode(run_id))[:1].hex() / name

    def outputs(self) -> Iterator[Path]:
        """Yield the path of every output, also of earlier versions. Raise OSError if a directory can't be read."""
        for path in self.output.iterdir():
            if path.is_dir():
                yield from path.iterdir()
            else:
                yield path

    def report_of(self, run_id: str, attempt: int) -> Path:
        """Return the path of the report that the handler of an attempt writes."""
        return self.results / _name(f"{run_id}.{attempt}.report")

    def stop_of(self, run_id: str, attempt: int) -> Path:
        """Return the path of the file that orders the supervisor to end an attempt."""
        return self.results / _name(f"{run_id}.{attempt}{STOP}")

    def secrets_of(self, run_id: str, attempt: int) -> Path:
        """Return the path of the file with the secrets of an attempt, which exists until its output is masked."""
        return self.results / _name(f"{run_id}.{attempt}{SECRETS}")

    def has_secrets(self) -> bool:
        """Return whether the secrets of an attempt are kept: its output is still to be masked."""
        try:
            return any(name.endswith(SECRETS) for name in os.listdir(self.results))
        except OSError:
            return False

    def has_trials(self) -> bool:
        """Return whether there are directories of `try`: of one that runs, or one that was killed."""
        try:
            return bool(os.listdir(self.trials))
        except OSError:
            return False

    def has_deadman(self) -> bool:
        """Return whether an idle tick touches a file for a monitor; see `idle`."""
        return os.path.lexists(self.root / "deadman")

    @staticmethod
    def run_of(file: Path) -> str:
        """Return the id of the run to which *file*, a report, an order or a file of secrets, belongs."""
        return file.stem.rpartition(".")[0]

    def unprinted_of(self, tick: str) -> Path:
        """Return the path of the file that exists until a tick has printed what it announced. The tick holds it locked."""
        return self.root / _name(f"{tick}{UNPRINTED}")

    def results_of(self, tick: str) -> Path:
        """Return the path of the result file of a tick. It is locked while the supervisor of the tick runs."""
        return self.results / _name(f"{tick}.jsonl")


def is_file_name(name: str, longest: int = LONGEST_ID) -> bool:
    """Return whether *name* can be that of a file, or its beginning: it has *longest* bytes at most."""
    return (
        name not in ("", ".", "..")
        and "/" not in name
        and (name.isprintable() or not any(ord(sign) < ord(" ") or sign == "\x7f" for sign in name))
        and len(os.fsencode(name)) <= longest
    )


def _name(name: str) -> str:
    if not is_file_name(name, LONGEST_NAME):
        raise BadNameError(
            f"{name[:100]!r}: is not the name of a file: the ledger has a run or a tick of a wrong name"
        )
    return name


def config_path(given: str | None) -> Path:
    """Return the absolute path of scheduled.toml: *given*, SCHEDULED_CONFIG, or the XDG default."""
    chosen = given or os.environ.get("SCHEDULED_CONFIG")
    return Path(chosen).absolute() if chosen else _xdg("XDG_CONFIG_HOME", ".config") / "scheduled.toml"


def state_path(given: str | None) -> Path:
    """Return the absolute path of the state directory: *given*, SCHEDULED_STATE, or the XDG default."""
    chosen = given or os.environ.get("SCHEDULED_STATE")
    return Path(chosen).absolute() if chosen else _xdg("XDG_STATE_HOME", ".local/state")


def _xdg(variable: str, default: str) -> Path:
    chosen = os.environ.get(variable, "")
    # The XDG specification requires that relative paths are ignored.
    return (Path(chosen) if chosen.startswith("/") else Path.home() / default) / "scheduled"
