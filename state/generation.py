"""The generation of the ledger: a number that grows with every transaction that changes it.

The snapshot has the generation of the ledger that it was made from. A ledger that is behind its snapshot was rolled back,
see `rollback`. A ledger that is ahead is normal: a tick was killed before it published the snapshot.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scheduled import idle
from scheduled.state import snapshot
from scheduled.state.ledger import Meta
from scheduled.state.snapshot_keys import is_unchanged

KEY = "generation"  # in the ledger's meta and in the document of the snapshot


def is_ahead(document: Mapping[str, Any], ledger: Meta) -> bool:
    """Return whether *document* was made from a ledger with transactions that *ledger* has not: that one was rolled back."""
    published = document.get(KEY)
    return isinstance(published, int) and ledger.generation() < published and is_unchanged(document)


def is_of(path: Path) -> bool:
    """Return whether the ledger's files are unchanged since the snapshot at *path* was written: it is not ahead then."""
    return snapshot.ledger_at(path) == idle.ledger(os.fsencode(path.parent))
