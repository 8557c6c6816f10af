"""The generation of the ledger: a number that grows with every transaction that changes it.

The snapshot has the generation of the ledger that it was made from. A ledger that is behind its snapshot was rolled back,
see `rollback`. A ledger that is ahead is normal: a tick was killed before it published the snapshot.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scheduled import idle
from scheduled.state import snapshot
from scheduled.state.ledger import Meta
from scheduled.state.snapshot_keys import is_unchanged

_OWN = ""  # a key of what was not read from the document: no other program has changed it
KEY = "generation"  # in the ledger's meta and in the document of the snapshot


def published(
    path: Path, read: Callable[[Path], Mapping[str, Any] | None] = snapshot.read_known
) -> Mapping[str, Any]:
    """Return what `is_ahead` needs of the snapshot at *path*: its document, or only the generation if it has a journal.

    The document is read with *read*. By default, raise StateError if a newer version of this program wrote it.
    """
    journal = snapshot.current_journal(path)
    if journal is not None and journal.beginning.version == snapshot.VERSION:
        return {KEY: journal.generation, _OWN: True}
    return read(path) or {}


def is_ahead(document: Mapping[str, Any], ledger: Meta) -> bool:
    """Return whether *document* was made from a ledger with transactions that *ledger* has not: that one was rolled back."""
    made_from = document.get(KEY)
    if not isinstance(made_from, int) or ledger.generation() >= made_from:
        return False
    return _OWN in document or is_unchanged(document)


def is_of(path: Path) -> bool:
    """Return whether the ledger's files are unchanged since the snapshot at *path* was written: it is not ahead then."""
    return snapshot.ledger_at(path) == idle.ledger(os.fsencode(path.parent))
