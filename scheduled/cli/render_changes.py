"""Output on a terminal: the results of commands that change something."""

import sys
from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from rich.text import Text

from scheduled.advice import complete
from scheduled.cli.targets import named
from scheduled.cli.terminal import console, counted, when
from scheduled.printable import printable


def paused(done: Sequence[dict[str, Any]], *, dry_run: bool) -> None:
    """Print which jobs are paused, and until when."""
    for found in done:
        verb = "would be" if dry_run else "is" if found["job"] else "are"
        end = (
            when(found["until"])
            if found["until"]
            else complete(f"`scheduled resume{'' if found['job'] is None else f' {named(found)}'}`")
        )
        console().print(Text(f"{named(found) or 'all jobs'} {verb} paused until {end}"), soft_wrap=True)


def acknowledged(done: Sequence[dict[str, Any]], *, dry_run: bool) -> None:
    """Print which incidents are acknowledged."""
    for found in done:
        verb = "would be acknowledged" if dry_run else "acknowledged"
        console().print(Text(f"{verb}: {found['text']}"), soft_wrap=True)
    if not done:
        console().print("there are no incidents")


def muted(done: Sequence[dict[str, Any]], *, dry_run: bool) -> None:
    """Print which jobs are muted, and until when."""
    for found in done:
        verb = "would be" if dry_run else "is"
        end = when(found["until"]) if found["until"] else complete(f"`scheduled unmute {named(found)}`")
        console().print(Text(f"{named(found)} {verb} muted until {end}"), soft_wrap=True)


def unmuted(done: Sequence[dict[str, Any]], *, dry_run: bool) -> None:
    """Print which jobs are no longer muted."""
    for found in done:
        ends = "would end" if dry_run else "has ended"
        text = f"the mute {ends}" if found["was_muted"] else "was not muted"
        console().print(Text(f"{named(found)}: {text}"), soft_wrap=True)


def resumed(done: Sequence[dict[str, Any]], *, dry_run: bool) -> None:
    """Print which pauses were ended, and which remain."""
    for found in done:
        if found["was_paused"]:
            text = f"{named(found) or 'all jobs'}: the pause {'would end' if dry_run else 'has ended'}"
        else:
            text = f"{named(found)} was not paused" if found["job"] else "there is no pause of all jobs"
        if found["still"]:
            names = ["all jobs" if name == "all" else name for name in found["still"]]
            text += f"; still paused: {', '.join(names)}"
        console().print(Text(text), soft_wrap=True)


def overridden(done: Sequence[dict[str, Any]], *, dry_run: bool) -> None:
    """Print which jobs are now enabled or disabled."""
    for found in done:
        word = "enabled" if found["enabled"] else "disabled"
        verb = "would be" if dry_run else "is now"
        text = f"{named(found)} {verb if found['changed'] else 'is already'} {word}"
        still = f"; still disabled: {', '.join(found['still'])}" if found["still"] else ""
        console().print(Text(text + still), soft_wrap=True)
        _discarded(found, dry_run=dry_run)


def _discarded(found: dict[str, Any], *, dry_run: bool) -> None:
    """Print how many events no longer wait to start a job."""
    if count := found.get("discarded"):
        verb = "would be" if dry_run else "was" if count == 1 else "were"
        events = "1 waiting event" if count == 1 else f"{count:,} waiting events"
        console().print(Text(f"{named(found)}: {events} {verb} discarded"))


def skipped(done: dict[str, Any], *, dry_run: bool) -> None:
    """Print which slots were skipped or are open again, and which runs are no longer retried."""
    if done["undone"]:
        _reopened(done, dry_run=dry_run)
        return
    job, verb = named(done), "would be" if dry_run else "was"
    for run_id in done["retries"]:
        console().print(Text(f"{job}: {run_id} {'would not be' if dry_run else 'is not'} retried"))
    if done["skipped"] == 1:
        console().print(Text(f"{job}: the slot {when(done['first'])} {verb} skipped"))
    elif done["skipped"]:
        verb, span = "would be" if dry_run else "were", _span(done)
        console().print(Text(f"{job}: {done['skipped']} slots {span} {verb} skipped"))
    elif not done["retries"]:
        console().print(f"[dim]{escape(job)} has no open slots[/]")
    if done["skipped"] and not dry_run:
        console().print(
            Text(complete(f"`scheduled skip {_label(done)} --undo` undoes this"), style="dim"), soft_wrap=True
        )


def _label(done: dict[str, Any]) -> str:
    return named({**done, "targets": None})


def _span(done: dict[str, Any]) -> str:
    """Return when the slots of *done* are: those of several targets may be at one instant."""
    first, last = when(done["first"]), when(done["last"])
    return f"of {first}" if first == last else f"from {first} to {last}"


def _reopened(done: dict[str, Any], *, dry_run: bool) -> None:
    one = done["undone"] == 1
    slots = f"the slot {when(done['first'])}" if one else f"{done['undone']} slots {_span(done)}"
    verb = "would be" if dry_run else "is" if done["undone"] == 1 else "are"
    console().print(Text(f"{named(done)}: {slots} {verb} open again"), soft_wrap=True)


def edited(done: dict[str, Any]) -> None:
    """Print what changed in a configuration file, and new warnings."""
    for warning in done["warnings"]:
        console().print(Text("warning: ", style="yellow") + Text(warning), soft_wrap=True)
    if not done["changed"]:
        console().print(Text(f"{done['path']}: unchanged"), soft_wrap=True)
        return
    _discarded(done, dry_run=done["dry_run"])
    if done["dry_run"]:
        sys.stdout.write(done["diff"])
        if done["deleted"]:
            console().print(
                Text(f"{done['path']}: would be deleted, because it contains nothing else"), soft_wrap=True
            )
        return
    written = "changed" if done["backup"] else "created"
    change = "deleted, because it contained nothing else" if done["deleted"] else written
    console().print(Text(f"{done['path']}: {change}"), soft_wrap=True)
    if done["backup"]:
        console().print(Text(f"the previous version is in {done['backup']}"), soft_wrap=True)


def backed_up(done: dict[str, Any]) -> None:
    """Print the content of a backup."""
    size = sum(done["files"].values()) // 1024
    word = "would contain" if done["dry_run"] else "contains"
    files = counted(len(done["files"]), "file")
    console().print(Text(f"{done['path']}: {word} {files}, {size} KiB before compression"), soft_wrap=True)


def restored(done: dict[str, Any]) -> None:
    """Print which files were restored and removed, and where the previous ones are."""
    words = ("would be restored", "would be removed") if done["dry_run"] else ("restored", "removed")
    for path in done["restored"]:
        _line(f"{path}: {words[0]} to {when(done['created_at'])} UTC")
    for path in done["removed"]:
        _line(f"{path}: {words[1]}: the backup does not have it")
    if done["kept"]:
        _line(f"the previous state is in {done['kept']}")


def verified(found: dict[str, Any]) -> None:
    """Print whether a backup is whole, what it is, and what is wrong with it."""
    _line(f"{found['path']}: {'whole' if found['ok'] else counted(len(found['problems']), 'problem')}")
    _line(f"made at {when(found['created_at'])} UTC on {found['host']} by version {found['version']}")
    _line(f"state {found['state']}, configuration {found['config']}")
    for mark, texts in (("!", found["problems"]), ("warning:", found["warnings"])):
        for text in texts:
            _line(f"{mark} {text}")


def _line(text: str) -> None:
    console().print(Text(printable(text)), soft_wrap=True)


def adopted(done: dict[str, Any]) -> None:
    """Print to which configuration a state directory belongs now, and to which it belonged."""
    word = "would belong" if done["dry_run"] else "belongs"
    before = f", and no longer to {done['previous']}" if done["previous"] else ""
    console().print(Text(f"{done['state']}: {word} to {done['config']}{before}"), soft_wrap=True)


def denied(done: dict[str, Any]) -> None:
    """Print the run that was denied."""
    word = "would be denied" if done["dry_run"] else "denied"
    console().print(Text(f"{done['run_id']}: {word}"), soft_wrap=True)


def stopped(done: dict[str, Any]) -> None:
    """Print the process of a stopped run, or its state before, and the steps of a chain."""
    word = "would be stopped" if done["dry_run"] else "stopped"
    states = {
        "claimed": " (it was queued: it ends as soon as it starts)",
        "waiting_retry": " (no more attempts)",
    }
    how = f" (process {done['pid']})" if done["pid"] else states.get(done["status"], "")
    console().print(Text(f"{done['run_id']}: {word}{how}"), soft_wrap=True)
    for step in done["steps"]:
        console().print(Text(f"  {step}: {word}"), soft_wrap=True)
