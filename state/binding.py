"""What a state directory goes with: a host's id of its own, a machine, a place, a configuration.

It is kept in a small file and in the ledger, and survives the loss of either. A tick that finds something else than it
remembers says so once, and goes on: people move their configuration, their state and their disks.
"""

import os
from pathlib import Path

import msgspec

from scheduled.paths import Paths
from scheduled.state.files import read_regular, write_atomically
from scheduled.state.ledger import Ledger, Meta

KEY = "instance"  # in the ledger's meta
MACHINE_FILES = ("/etc/machine-id", "/var/lib/dbus/machine-id")
LIMIT = 100_000  # bytes


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """*host* is the id, *name* what people call the machine, *machine* a digest of its id, '' where it has none."""

    host: str
    name: str
    machine: str
    state: str
    config: str


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """The *host* id, the *warnings* to say, and the file that is *unwritten* and why, in words."""

    host: str
    warnings: list[str] = []
    unwritten: str | None = None


def bind(ledger: Ledger, paths: Paths, config: Path, *, boot: str, name: str) -> Bound:
    """Return the host's id, after binding the state to what it is used with now; call it outside a transaction.

    *boot* spares asking for the machine: it can't be another one in the boot that the ledger knows. Raises StateError
    if the ledger can't be written.
    """
    kept, remembered = _kept(paths), _decoded(ledger.meta(KEY))
    if kept is not None and kept == remembered:
        machine = kept.machine if boot and ledger.meta("boot") == boot else machine_digest()
        here = _here(kept.host, paths, config, machine, name)
        if kept == here:
            return Bound(host=kept.host)
    with ledger.transaction():
        return _bind(ledger, paths, _here("", paths, config, machine_digest(), name))


def _here(host: str, paths: Paths, config: Path, machine: str, name: str) -> Binding:
    return Binding(host=host, name=name, machine=machine, state=str(paths.root), config=str(config))


def _bind(ledger: Meta, paths: Paths, here: Binding) -> Bound:
    kept, remembered = _kept(paths), _decoded(ledger.meta(KEY))
    warnings = [f"{file_of(paths)}: damaged; it is written anew"] if kept is None and _exists(paths) else []
    known = remembered or kept
    if kept is not None and remembered is not None and kept.host != remembered.host:
        # The file is the directory's; the ledger was put into it.
        known = kept
        warnings.append(
            f"{paths.ledger}: comes from another state, {remembered.state} on {remembered.name}; it is gone on with here"
        )
    moved = _moved(known, here) if known is not None else None
    if known is None or moved is not None:
        bound = msgspec.structs.replace(here, host=os.urandom(8).hex())
    else:
        bound = msgspec.structs.replace(here, host=known.host)
        moved = _reconfigured(known, here)
    warnings += [moved] if moved else []
    if bound != remembered:
        ledger.remember(KEY, _encoded(bound))
    return Bound(
        host=bound.host, warnings=warnings, unwritten=_write(paths, bound) if bound != kept else None
    )


def _moved(known: Binding, here: Binding) -> str | None:
    """Return in words that the state is a copy, on another machine or beside its original; None if it is none."""
    if known.machine and here.machine and known.machine != here.machine:
        return (
            f"{here.state}: comes from another machine, {known.name}, and counts as another host from now on; if it is"
            " still in use there, every job runs on both: `scheduled uninstall` on one of them ends that"
        )
    original = Path(known.state)
    if _is_other(known.state, here.state) and (_kept(Paths(original)) or here).host == known.host:
        return (
            f"{here.state}: is a copy of {known.state}, which is still there, and counts as another host from now on;"
            " if both are in use, every job runs twice: remove one of them"
        )
    return None


def _reconfigured(known: Binding, here: Binding) -> str | None:
    """Return in words that the state was another configuration's, if that is still there."""
    if not _is_other(known.config, here.config):
        return None
    return (
        f"{here.state}: was the state of {known.config}, which is still there, and is that of {here.config} from now"
        " on; if both are in use, give each a state of its own with --state DIR"
    )


def _is_other(known: str, here: str) -> bool:
    """Tell whether *known* is there, and something else than *here*."""
    if known == here:
        return False
    try:
        return not os.path.samefile(known, here)
    except OSError:
        return os.path.exists(known)


def file_of(paths: Paths) -> Path:
    """Return where the state's binding is kept, beside the ledger."""
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
    """Write the file; return in words why that can't be done, if so. The ledger knows it then, and the next tick tries."""
    try:
        write_atomically(file_of(paths), f"{_encoded(binding)}\n".encode(), mode=0o600)
    except OSError as error:
        return f"{file_of(paths)}: can't be written: {error.strerror or error}"
    return None


def machine_digest() -> str:
    """Return what tells this machine from others, '' where it has no id; the id itself is not to leave the machine."""
    # Every tick asks; hashlib would take longer to import than all else here. Of 128 bits 32 can't be turned back.
    from zlib import crc32

    for path in MACHINE_FILES:
        try:
            found = read_regular(path, limit=LIMIT).strip()
        except OSError:
            continue
        if len(found) == 32:  # noqa: PLR2004 - else it is being made ("uninitialized"), or none
            return f"{crc32(b'scheduled ' + found):08x}"
    return ""
