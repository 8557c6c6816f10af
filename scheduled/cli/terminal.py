"""What all output on a terminal shares: the console, tables, and the forms of instants, durations and statuses."""

import sys
from collections.abc import Sequence

from rich.box import ASCII, SIMPLE, Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scheduled.advice import complete
from scheduled.clock import of_stamp
from scheduled.schedules.durations import duration
from scheduled.schedules.zones import MINUTE

PIPE_WIDTH = 200
INDENT = 20  # columns before the value of a field
SHORT = 24  # characters of a name
MANY = 500  # rows; longer tables are printed without rich, which takes half a millisecond per row
SECONDS_FROM = 10_000  # milliseconds; shorter durations are shown in milliseconds
STYLES = {
    "success": "green",
    "failed": "bold red",
    "timed_out": "bold red",
    "interrupted": "yellow",
    "waiting_retry": "yellow",
    "skipped": "dim",
    "running": "cyan",
    "claimed": "cyan",
}


def console() -> Console:
    """Return the console for stdout."""
    # Rich assumes 80 columns for a pipe, and programs that read the pipe would get folded words.
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def _box() -> Box:
    """Return the table style; the box characters of rich raise UnicodeEncodeError under a C locale."""
    return SIMPLE if (sys.stdout.encoding or "").lower().startswith("utf") else ASCII


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> Table:
    """Return a table of rich. Short names of jobs are not wrapped, so that they can be copied."""
    found = Table(box=_box(), pad_edge=False, padding=(0, 1, 0, 0))
    for place, column in enumerate(columns):
        short = column == "job" and all(len(row[place]) <= SHORT for row in rows)
        found.add_column(column, overflow="fold", no_wrap=short)
    for row in rows:
        found.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return found


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless the number is 1: `1 job`, `2 jobs`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def rows_or(columns: Sequence[str], rows: Sequence[Sequence[str | Text]], if_empty: str) -> None:
    """Print a table, or the text *if_empty* if there are no rows."""
    if rows:
        table(columns, rows)
    else:
        console().print(f"[dim]{complete(if_empty)}[/]", soft_wrap=True)


def remarks(notes: Sequence[str]) -> None:
    """Print notes about the list above, one a line."""
    for note in notes:
        console().print(Text(complete(note), style="dim"), soft_wrap=True)


def field(name: str, value: str, style: str = "") -> None:
    """Print a name and its value; on a terminal the lines that follow begin below the value."""
    screen, line = console(), f"  {name:17} {value}"
    if screen.is_terminal and len(line) > screen.width > 2 * INDENT:
        import textwrap

        words = textwrap.TextWrapper(
            screen.width, subsequent_indent=" " * INDENT, break_on_hyphens=False, break_long_words=False
        )
        line = "\n".join(words.wrap(line))
    screen.print(Text(line, style=style), soft_wrap=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
    """Print a table; a very long one without rich."""
    if len(rows) <= MANY:
        console().print(_rich_table(columns, rows))
        return
    plain = [columns, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in plain) for place in range(len(columns))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in plain
    )
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def when(stamp: str | None) -> str:
    """Return an RFC 3339 instant as `2026-03-04 05:00`; an empty text for None."""
    return of_stamp(stamp)


def colored(status: str | None) -> Text:
    """Return a status in its color; `-` for None."""
    return Text(status or "-", style=STYLES.get(status or "", ""))


def words(reason: str | None) -> str:
    """Return an open reason such as `waiting_retry` in words; the key `start_delay` as it is written."""
    return reason if reason == "start_delay" else (reason or "").replace("_", " ")


def roughly(seconds: int) -> str:
    """Return a duration such as `45s`, `12m` or `3d4h`: without seconds from two minutes on."""
    return duration(seconds if seconds < 2 * MINUTE else seconds - seconds % MINUTE)


def duration_of(milliseconds: object) -> str:
    """Return a duration in milliseconds, or in seconds if it is long; an empty text for None."""
    if not isinstance(milliseconds, int):
        return ""
    return f"{milliseconds} ms" if milliseconds < SECONDS_FROM else f"{milliseconds // 1000} s"
