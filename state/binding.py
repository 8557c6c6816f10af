"""The binding of a state directory: its host id, and the machine, path and configuration that it is used with.

The binding is stored in a small file and in the ledger, so that the loss of either does not lose the host id. A moved
or copied state is reported once and does not stop the tick: users move state directories and disks. Another
configuration is refused as long as the one that the state belongs to exists: each would end the epochs of the other's
jobs. `adopt` gives the state to another one.
"""

import os
from pathlib import Path

import msgspec

from scheduled.errors import ForeignStateError
from scheduled.paths import Paths
from scheduled.state.files import read_regular, write_atomically
from scheduled.state.ledger import Ledger, Meta
from scheduled.state.trust import quoted

KEY = "instance"  # in the ledger's meta
MACHINE_FILES = ("/etc/machine-id", "/var/lib/dbus/machine-id")
LIMIT = 100_000  # bytes


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """What a state directory was last used with.

    *host* is the host id, *name* the host name, *machine* a digest of the machine id ('' if it has none), *state* the
    path of the state directory, *config* the path of scheduled.toml.
    """

    host: str
    name: str
    machine: str
    state: str
    config: str


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """The result of `bind`: the *host* id, the *warnings* to print, and why the file could not be written, if so.

    *note* is a line for the log: the configuration was moved.
    """

    host: str
    warnings: list[str] = []
    note: str | None = None
    unwritten: str | None = None


def bind(ledger: Ledger, paths: Paths, config: Path, *, boot: str, name: str) -> Bound:
    """Bind the state directory to the current machine, path and configuration; return its host id and warnings.

    *config* is the path of scheduled.toml, *name* the host name. *boot* is the boot id: while it is the one in the
    ledger, the machine cannot have changed, and its id is not read. Must be called outside a transaction. Raise
    ForeignStateError if the state belongs to another configuration, StateError if the ledger can't be written.
    """
    kept, remembered = _kept(paths), _decoded(ledger.meta(KEY))
    if kept is not None and kept == remembered:
        machine = kept.machine if boot and ledger.meta("boot") == boot else machine_digest()
        here = _here(kept.host, paths, config, machine, name)
        if kept == here:
            return Bound(host=kept.host)
    with ledger.transaction():
        return _bind(ledger, paths, _here("", paths, config, machine_digest(), name))


def refuse_foreign(ledger: Meta, paths: Paths) -> None:
    """Raise ForeignStateError if *ledger* belongs to another configuration than `paths.config`, and that one exists."""
    if paths.config is not None:
        remembered = _decoded(ledger.meta(KEY))
        if remembered is None or remembered.config != str(paths.config):
            _refuse_foreign(paths, _known(_kept(paths), remembered), paths.config)


def adopt(ledger: Ledger, paths: Paths, config: Path) -> str | None:
    """Give the state directory to the configuration *config*; return why the file could not be written, if so.

    Do nothing if nothing has bound the state yet: the next tick does.
    """
    with ledger.transaction():
        kept = _kept(paths)
        known = _known(kept, _decoded(ledger.meta(KEY)))
        if known is None:
            return None
        bound = msgspec.structs.replace(known, config=str(config))
        ledger.remember(KEY, _encoded(bound))
        return None if kept in (None, bound) else _write(paths, bound)


def give(ledger: Meta, config: Path) -> None:
    """Give a *ledger* that is not in a state directory yet to the configuration *config*, in the caller's transaction."""
    known = _decoded(ledger.meta(KEY))
    if known is not None:
        ledger.remember(KEY, _encoded(msgspec.structs.replace(known, config=str(config))))


def owner(ledger: Meta, paths: Paths) -> str | None:
    """Return the path of the configuration that the state belongs to; None if no command has bound it yet."""
    known = _known(_kept(paths), _decoded(ledger.meta(KEY)))
    return None if known is None else known.config


def host_of(ledger: Meta) -> str:
    """Return the host id in the ledger, '' if no tick has bound it yet."""
    known = _decoded(ledger.meta(KEY))
    return "" if known is None else known.host


def _here(host: str, paths: Paths, config: Path, machine: str, name: str) -> Binding:
    return Binding(host=host, name=name, machine=machine, state=str(paths.root), config=str(config))


def _known(kept: Binding | None, remembered: Binding | None) -> Binding | None:
    """Return the binding to go by. The file belongs to the directory; a ledger with another id was copied into it."""
    if kept is not None and remembered is not None and kept.host != remembered.host:
        return kept
    return remembered or kept


def _bind(ledger: Meta, paths: Paths, here: Binding) -> Bound:
    kept, remembered = _kept(paths), _decoded(ledger.meta(KEY))
    warnings = [f"{file_of(paths)}: damaged; it is rewritten"] if kept is None and _exists(paths) else []
    known = _known(kept, remembered)
    _refuse_foreign(paths, known, Path(here.config))
    if remembered is not None and known != remembered:
        warnings.append(
            f"{paths.ledger}: comes from another state directory, {remembered.state} on {remembered.name};"
            " its history is continued here"
        )
    moved = _moved(known, here) if known is not None else None
    warnings += [moved] if moved else []
    host = os.urandom(8).hex() if known is None or moved is not None else known.host
    bound = msgspec.structs.replace(here, host=host)
    if bound != remembered:
        ledger.remember(KEY, _encoded(bound))
    return Bound(
        host=bound.host,
        warnings=warnings,
        note=_renamed(known, here),
        unwritten=_write(paths, bound) if bound != kept else None,
    )


def _moved(known: Binding, here: Binding) -> str | None:
    """Return a warning if the state directory is a copy, on another machine or next to its original; else None."""
    if known.machine and here.machine and known.machine != here.machine:
        return (
            f"{here.state}: comes from another machine, {known.name}, and is another host from now on; if it is still in"
            " use there, every job runs on both machines: run `scheduled uninstall` on one of them"
        )
    original = Path(known.state)
    if _is_other(known.state, here.state) and (_kept(Paths(original)) or here).host == known.host:
        return (
            f"{here.state}: is a copy of {known.state}, which still exists, and is another host from now on;"
            " if both are in use, every job runs twice: remove one of them"
        )
    return None


def _renamed(known: Binding | None, here: Binding) -> str | None:
    """Return a line for the log if the configuration that the state belonged to is at another path now; else None."""
    if known is None or known.config == here.config:
        return None
    return f"{here.state}: belonged to {known.config}, and belongs to {here.config} from now on"


def _refuse_foreign(paths: Paths, known: Binding | None, config: Path) -> None:
    if known is not None and _is_other(known.config, str(config)):
        raise ForeignStateError(
            f"{paths.root}: belongs to the configuration {known.config}, which still exists, and not to {config};"
            " choose another state with --state DIR, or let this configuration have it with"
            f" `scheduled --config {quoted(config)} --state {quoted(paths.root)} state adopt`"
        )


def _is_other(known: str, here: str) -> bool:
    """Return whether the path *known* exists and is not the same file as *here*."""
    if known == here:
        return False
    try:
        there = os.stat(known)
    except OSError as error:
        return not isinstance(error, FileNotFoundError | NotADirectoryError)
    try:
        return not os.path.samestat(there, os.stat(here))
    except OSError:
        return True


def file_of(paths: Paths) -> Path:
    """Return the path of the file with the binding; it is next to the ledger."""
    return paths.root / "instance.json"


def _exists(paths: Paths) -> bool:
    return os.path.lexists(file_of(paths))


def _kept(paths: Paths) -> Binding | None:
    try:
        return _decoded(read_regular(file_of(paths), limit=LIMIT))
    except OSError:
        return None


def _decoded(text: str | bytes | None) -> Binding | None:
    try:
        return None if text is None else msgspec.json.decode(text, type=Binding)
    except (ValueError, RecursionError):
        return None


def _encoded(binding: Binding) -> str:
    return msgspec.json.encode(binding).decode()


def _write(paths: Paths, binding: Binding) -> str | None:
    """Write the file; return an error message if that fails. The ledger has the binding, and the next tick retries."""
    try:
        write_atomically(file_of(paths), f"{_encoded(binding)}\n".encode(), mode=0o600)
    except OSError as error:
        return f"{file_of(paths)}: can't be written: {error.strerror or error}"
    return None


def machine_digest() -> str:
    """Return a digest of the machine id, '' if the machine has none. machine-id(5): the id itself must not be exposed."""
    # Not hashlib: its import takes longer than the rest of this module. 32 bits don't reveal an id of 128 bits.
    from zlib import crc32

    for path in MACHINE_FILES:
        try:
            found = read_regular(path, limit=LIMIT).strip()
        except OSError:
            continue
        if len(found) == 32:  # noqa: PLR2004 - any other length is no id, e.g. "uninitialized" at first boot
            return f"{crc32(b'scheduled ' + found):08x}"
    return ""
