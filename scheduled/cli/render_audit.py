"""Output on a terminal: the audit, and its comparison with a log."""

from typing import Any

from rich.text import Text

from scheduled.cli.targets import named
from scheduled.cli.terminal import console, counted, roughly, table, when

MAX_LISTED = 20  # lines of the log that cannot be read


def audit(document: dict[str, Any]) -> None:
    """Print up to when every slot is accounted for, or a table of the slots that are not; then the comparison with a log."""
    screen = console()
    if document["ticks"]["state"] == "stopped" and document["ticks_problem"]:
        screen.print(Text("! ", style="bold red") + Text(document["ticks_problem"]), soft_wrap=True)
    slots = counted(document["slots"], "slot")
    if document["problems"]:
        problems = counted(len(document["problems"]), "problem")
        screen.print(f"[bold red]{problems}[/] in {slots}{_span(document)}", soft_wrap=True)
        rows = [
            (named(problem), when(problem["slot"]), problem["problem"]) for problem in document["problems"]
        ]
        table(("job", "slot", "problem"), rows)
    else:
        screen.print(f"[green]every slot is accounted for[/]{_span(document)}: {slots}", soft_wrap=True)
    if "against" in document:
        _against(document["against"])


def _span(document: dict[str, Any]) -> str:
    since = f" since {when(document['horizon'])}" if document["horizon"] else ""
    if document["until"] is None:
        return since
    if document["seconds_ago"] is None:
        return f"{since}, up to {when(document['until'])}"
    return f"{since}, up to the last tick, {roughly(document['seconds_ago'])} ago"


def _against(compared: dict[str, Any]) -> None:
    screen, file = console(), compared["file"]
    for line in compared["unreadable"][:MAX_LISTED]:
        text = f"{file}, line {line['line']}: ignored: {line['problem']}"
        screen.print(Text("warning: ", style="yellow") + Text(text), soft_wrap=True)
    more = len(compared["unreadable"][MAX_LISTED:])
    if more:
        screen.print(f"[yellow]warning:[/] {counted(more, 'more line')} ignored")
    lines = f"{counted(compared['starts'], 'start')}, {counted(compared['ends'], 'end')}"
    attempts = counted(compared["attempts"], "recorded attempt")
    read = Text(f"{file}: {lines}, {attempts} since {when(compared['since'])}: ")
    if not compared["starts"] and not compared["ends"]:
        screen.print(read + Text("nothing was compared", style="bold red"), soft_wrap=True)
        return
    if not compared["problems"]:
        screen.print(read + Text("they agree", style="green"), soft_wrap=True)
        return
    differences = counted(len(compared["problems"]), "difference")
    screen.print(read + Text(differences, style="bold red"), soft_wrap=True)
    for problem in compared["problems"]:
        screen.print(Text(f"  {_place(problem)}: {problem['problem']}"), soft_wrap=True)


def _place(problem: dict[str, Any]) -> str:
    """Return where a difference is: a line of the log, or an attempt."""
    attempt = f", attempt {problem['attempt']}" if problem["attempt"] is not None else ""
    run = f"{problem['run_id'] or named(problem)}{attempt} ({when(problem['at'])})"
    return run if problem["line"] is None else f"line {problem['line']}: {run}"
