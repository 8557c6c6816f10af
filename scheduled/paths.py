"""Where the configuration and the state lie, and what lies where in the state directory."""

import os
from pathlib import Path


class Paths:
    """The state directory *root* and the places in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.snapshot = root / "scheduled_state.json"
        self.ledger = root / "ledger.db"
        self.output = root / "output"
        self.reports = root / "reports"
        self.results = root / "results"
        self.backups = root / "backups"
        self.spool = root / "spool"
        # Shortages that did not prevent an answer; the command line prints them after it.
        self.remarks: list[str] = []

    def output_of(self, run_id: str, attempt: int) -> Path:
        """Return where an attempt's output is kept; the file is also the run's lock."""
        return self.output / f"{run_id}.{attempt}.log"

    def report_of(self, run_id: str, attempt: int) -> Path:
        """Return where an attempt's handler reports to."""
        return self.results / f"{run_id}.{attempt}.report"

    @staticmethod
    def run_of(report: Path) -> str:
        """Return whose run a report is."""
        return report.stem.rpartition(".")[0]

    def results_of(self, tick: str) -> Path:
        """Return a tick's outcome file; while its supervisor lives it is locked."""
        return self.results / f"{tick}.jsonl"


def config_path(given: str | None) -> Path:
    """Return the absolute path of scheduled.toml: *given*, SCHEDULED_CONFIG, or the XDG place."""
    chosen = given or os.environ.get("SCHEDULED_CONFIG")
    return Path(chosen).absolute() if chosen else _xdg("XDG_CONFIG_HOME", ".config") / "scheduled.toml"


def state_path(given: str | None) -> Path:
    """Return the absolute path of the state directory: *given*, SCHEDULED_STATE, or the XDG place."""
    chosen = given or os.environ.get("SCHEDULED_STATE")
    return Path(chosen).absolute() if chosen else _xdg("XDG_STATE_HOME", ".local/state")


def _xdg(variable: str, default: str) -> Path:
    chosen = os.environ.get(variable, "")
    # The XDG specification: a relative path is to be ignored.
    return (Path(chosen) if chosen.startswith("/") else Path.home() / default) / "scheduled"
