"""Output on a terminal: the environment of a job."""

from typing import Any

from rich.text import Text

from scheduled.cli.terminal import console


def environment(document: dict[str, Any]) -> None:
    """Print the variables, one a line as NAME=value with its source; or what differs from those of the shell."""
    if "shell" in document:
        _difference(document["shell"])
        return
    for entry in document["variables"]:
        _line(_assigned(entry), entry["source"])


def _difference(shell: dict[str, Any]) -> None:
    if not any(shell.values()):
        _line("no difference from the variables of your shell")
    if shell["not_given"]:
        _line("not given to the job:")
    for name in shell["not_given"]:
        _line(f"  {name}")
    for title, key in (("another value in the job", "other_value"), ("only in the job", "only_in_job")):
        if shell[key]:
            _line(f"{title}:")
        for entry in shell[key]:
            yours = f"; your shell: {entry['shell']}" if "shell" in entry else ""
            _line(f"  {_assigned(entry)}", entry["source"] + yours)


def _assigned(entry: dict[str, Any]) -> str:
    return f"{entry['name']}={entry['value']}"


def _line(text: str, source: str = "") -> None:
    remark = Text(f"  # {source}", style="dim") if source else Text()
    console().print(Text(text) + remark, soft_wrap=True)
