"""Connect the commands and queries of the program to the ledger of a life, and its events and log to the witness."""

import sys
from contextlib import contextmanager

from scheduled import clock, service
from scheduled.config.files import load_config
from scheduled.engine import heartbeat, publish, runtime
from scheduled.install.block_lines import BEGIN, END
from scheduled.queries import next_zone
from scheduled.state import open as opening
from scheduled.state import snapshot
from tests.fixtures.simulated_runtime import MemoryLedger, _cached, without_parsed_file


class WitnessedLedger(MemoryLedger):
    """The ledger of a life: a witness sees every claim."""

    def claim(self, claim, claimant, at):
        done = super().claim(claim, claimant, at)
        if done:
            self._watch.claimed(claim)
        return done

    def reclaim(self, claim, claimant, at):
        done = super().reclaim(claim, claimant, at)
        if done:
            self._watch.claimed(claim)
        return done

    def unclaim(self, run_id):
        super().unclaim(run_id)
        self._watch.unclaimed(run_id)


def redirect(patch, life):
    """Let every command and query use the ledger of *life*, and its witness see every event and line of the log."""
    ledger, witness = life.ledger, life.witness
    for name in service.__all__:
        getattr(service, name)  # imports its module

    @contextmanager
    def opened(self):  # noqa: ARG001
        yield ledger

    def log_event(self, event, real=runtime.Runtime._log_event):
        witness.published(event)
        real(self, event)

    def header(path):  # noqa: ARG001
        beat = life.heartbeat()
        return None if beat is None else int(beat * 1e9), life.published.due

    patch.setattr(snapshot, "header", header)
    patch.setattr(heartbeat, "last", lambda ledger, path: header(path)[0])  # noqa: ARG005
    patch.setattr(clock, "system_zone", lambda: life.host)
    patch.setattr(next_zone, "listed", lambda: b"%s\n%s\n" % (BEGIN, END))
    patch.setattr(runtime.Runtime, "environment", {})
    patch.setattr(publish, "changed", lambda runtime, ledger, now: None)  # noqa: ARG005 - there is no snapshot
    patch.setattr(opening, "_open", lambda paths: ledger)  # noqa: ARG005
    patch.setattr(runtime.Runtime, "ledger", opened)
    patch.setattr(runtime.Runtime, "_log_event", log_event)
    patch.setattr(
        runtime.Runtime,
        "_log",
        lambda self, level, message, event=None: witness.logged(level, message),  # noqa: ARG005
    )
    _everywhere(patch, opening.exists, lambda paths: True)  # noqa: ARG005
    cached = _cached(load_config)
    _everywhere(patch, load_config, cached)
    without_parsed_file(patch, cached)


def _everywhere(patch, real, replacement):
    """Replace a function in every module of the program that has imported it."""
    for name, module in list(sys.modules.items()):
        if name.startswith("scheduled") and getattr(module, real.__name__, None) is real:
            patch.setattr(module, real.__name__, replacement)
