"""Notice that another program damaged the snapshot or changed it."""

from pathlib import Path

from scheduled.errors import StateError
from scheduled.state.files import RefusedError, read_regular
from scheduled.state.snapshot import current_journal, document_in
from scheduled.state.snapshot_keys import is_unchanged


def found(path: Path, now: float) -> str | None:
    """Return a message if another program damaged the snapshot or changed its own keys since it was written, else None.

    A file that is not a valid snapshot any more is moved aside: it gets another name, and `publish` replaces it. Raise
    StateError if that fails.
    """
    # The times of a large document, which has a journal, show whether another program has written it.
    return None if current_journal(path) is not None else _in_document(path, now)


def _in_document(path: Path, now: float) -> str | None:
    try:
        data = read_regular(path)
    except FileNotFoundError:
        return None
    except RefusedError as error:
        return f"{error}; {_moved_aside(path, now)}"
    except OSError as error:
        return f"{path}: {error.strerror}; it is rewritten from the ledger"
    document = document_in(data)
    if document is None:
        return f"{path}: damaged; {_moved_aside(path, now)}"
    if not is_unchanged(document, data):
        return f"{path}: edited manually; its keys are rewritten from the ledger: use `scheduled` commands to change jobs"
    return None


def _moved_aside(path: Path, now: float) -> str:
    from scheduled.state import aside  # only if the file is damaged

    kept = aside.name(path, now)
    try:
        aside.keep(path, kept)
    except OSError as error:
        raise StateError(f"{path}: damaged, and can't be moved aside: {error.strerror}") from error
    return f"moved aside to {kept}, and rewritten from the ledger"
