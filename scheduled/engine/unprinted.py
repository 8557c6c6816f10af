"""What a tick announces is kept until it is printed: the tick may be killed after the commit and before the output.

The ledger has the announcement. A file, which the tick holds locked and removes when it has printed, shows that it is
still to be printed: by this tick as long as it lives, then by the next one.
"""

from collections.abc import Iterable

import msgspec

from scheduled.engine.announcing import KEPT, Announcement, Printed
from scheduled.engine.runtime import Runtime
from scheduled.errors import StateError
from scheduled.paths import UNPRINTED
from scheduled.state.ledger import Ledger
from scheduled.state.locks import create_locked, is_held


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What *tick* is to print."""

    tick: str
    problems: list[str]
    recoveries: list[str]
    outputs: list[Printed]
    answers: dict[str, str] = {}


def keep(runtime: Runtime, ledger: Ledger, tick: str, found: Announcement) -> None:
    """Add to *found* what ticks announced that were killed before they printed it, and keep all of it until *tick* has printed.

    If *tick* has announced something before, this is kept with it, and not added to *found*.
    Must be called inside a transaction; `forget_printed` after its commit.
    """
    try:
        kept = _kept(ledger)
    except msgspec.DecodeError as error:
        runtime.log_line("WARNING", f"{runtime.paths.ledger}: what ticks had to print was damaged: {error}")
        kept = []
    own = next((one for one in kept if one.tick == tick), None)
    here = [one for one in kept if one is not own and runtime.paths.unprinted_of(one.tick).exists()]
    left = [one for one in here if is_held(runtime.paths.unprinted_of(one.tick))]
    for one in here:
        if one not in left:
            _add(found, one)
    if own is not None:
        left.append(_with(own, found))
    elif (found.problems or found.recoveries or found.outputs) and _mark(runtime, tick):
        left.append(_with(Kept(tick=tick, problems=[], recoveries=[], outputs=[]), found))
    ledger.remember(KEPT, msgspec.json.encode(left).decode() if left else "")


def _kept(ledger: Ledger) -> list[Kept]:
    return msgspec.json.decode(ledger.meta(KEPT) or "[]", type=list[Kept])


def _with(kept: Kept, found: Announcement) -> Kept:
    return Kept(
        tick=kept.tick,
        problems=_united(kept.problems, found.problems),
        recoveries=_united(kept.recoveries, found.recoveries),
        outputs=[*kept.outputs, *(one for one in found.outputs if one not in kept.outputs)],
        answers={**kept.answers, **found.answers},
    )


def _add(found: Announcement, kept: Kept) -> None:
    found.problems = _united(kept.problems, found.problems)
    found.recoveries = _united(kept.recoveries, found.recoveries)
    found.answers = {**kept.answers, **found.answers}
    found.outputs = [*(one for one in kept.outputs if one not in found.outputs), *found.outputs]


def _united(before: Iterable[str], now: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*before, *now]))


def _mark(runtime: Runtime, tick: str) -> bool:
    """Create the file of *tick*; return whether it could be created. What is announced is printed in any case."""
    path = runtime.paths.unprinted_of(tick)
    try:
        runtime.paths.unprinted.append((path, create_locked(path)))
    except StateError as error:
        runtime.log_line("WARNING", str(error))
        return False
    return True


def forget_printed(ledger: Ledger, runtime: Runtime) -> None:
    """Remove the files of ticks that died and that the ledger does not name any more."""
    names = {runtime.paths.unprinted_of(one.tick).name for one in _kept(ledger)}
    for path in runtime.paths.root.glob(f"*{UNPRINTED}"):
        if path.name not in names and not is_held(path):
            path.unlink(missing_ok=True)
