"""The daily report as one HTML page without external resources.

`Markup` escapes every value that `format` puts into it. There is no template for a template engine: to import the engine
and to parse the template would take as long as half a tick.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from markupsafe import Markup

from scheduled.handlers.formats.text import plain
from scheduled.handlers.report_pages import MOST_ROWS, Report
from scheduled.handlers.workspace.activity import Activity

MOST_OPEN = 8  # notes with which their list is open
LONGEST_BAR = 96  # percent of the cell
NOTHING = Markup("")

PAGE = Markup("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Daily report {day}</title>
<style>
{style}</style>
</head>
<body>
<main>
<header>
{header}</header>

<dl class="tiles">
{tiles}</dl>

<section>
  <h2>System Health</h2>
{health}</section>

<section>
  <h2>Mail Statistics</h2>
{mail}</section>

<div class="halves">
<section>
  <h2>Memory Status</h2>
{memory}</section>

<section>
  <h2>Active Plans</h2>
{plans}</section>
</div>

{problems}<footer>Made by scheduled. The same report as Markdown is in the file daily-{day}.md beside this one.</footer>
</main>
</body>
</html>""")
TILE = Markup("  <div><dt>{}</dt><dd{}>{:,}</dd></div>\n")
NAMED = Markup("    <li><b>{}</b> {}</li>\n")
TABLE = Markup("""\
  <table>
    <thead><tr><th>Branch</th><th class="n"><span class="key" style="--shade: var(--sent)">Sent</span></th>
      <th class="n"><span class="key" style="--shade: var(--got)">Received</span></th><th class="bar" aria-hidden="true"></th></tr></thead>
    <tbody>
{rows}    </tbody>
  </table>
""")
ROW = Markup("""\
      <tr><td>{branch}</td><td class="n">{sent}</td><td class="n">{received}</td>
        <td class="bar" aria-hidden="true">{sent_bar}{received_bar}</td></tr>
""")
MORE_ROWS = Markup("""\
      <tr><td>and {} more</td><td class="n">{}</td><td class="n">{}</td><td class="bar"></td></tr>
""")
NOTES = Markup("""\
  <details{open}>
    <summary>Notes on {number} {branches}</summary>
    <ul>
{notes}    </ul>
  </details>
""")
PROBLEMS = Markup("""\
<section>
  <h2 class="warn">Problems</h2>
  <ul>
{}  </ul>
</section>
""")


def html(report: Report) -> str:
    """Return the report as an HTML page."""
    style = Path(__file__).with_name("daily_report.css").read_text("utf-8")
    page = PAGE.format(
        day=report.day,
        style=Markup(style),  # noqa: S704 - a file of this package
        header=_joined(_header(report)),
        tiles=_joined(_tiles(report)),
        health=_joined(_health(report)),
        mail=_joined(_mail(report)),
        memory=_memory(report),
        plans=_plans(report),
        problems=_problems(report),
    )
    return str(page)


def _joined(parts: Iterable[Markup]) -> Markup:
    return NOTHING.join(parts)


def _header(report: Report) -> Iterator[Markup]:
    day, made, number = report.day, report.made, len(report.checkups)
    yield Markup("  <h1>Daily report for {:%A}, {} {:%B %Y}</h1>\n").format(day, day.day, day)
    yield Markup('  <p>{} {}, as of <time datetime="{}">{:%Y-%m-%d %H:%M %Z}</time></p>\n').format(
        number, _branches(number), made.isoformat(), made
    )
    late = Markup('  <p class="late">{}</p>\n')
    if report.late:
        yield late.format(f"Late: it was due at {report.due:%Y-%m-%d %H:%M %Z}.")
    if report.missed:
        reports = "report" if report.missed == 1 else "reports"
        yield late.format(f"{report.missed} earlier {reports} missed; this report covers their time too.")


def _branches(number: int) -> str:
    return "branch" if number == 1 else "branches"


def _tiles(report: Report) -> Iterator[Markup]:
    found = report.summary()
    for title, key, tone in (
        ("Healthy", "healthy", "good"),
        ("Warnings", "warnings", "warn"),
        ("Errors", "errors", "bad"),
        ("Unread mails", "total_unread", ""),
        ("Memory files over the limit", "files_over", "warn"),
        ("Active plans", "active_plans", ""),
    ):
        toned = tone and (found[key] or tone == "good")
        yield TILE.format(title, Markup(' class="{}"').format(tone) if toned else "", found[key])


def _health(report: Report) -> Iterator[Markup]:
    errors, warnings, notes = report.having("error"), report.having("warning"), report.notes()
    if not errors and not warnings:
        yield Markup('  <p class="good">All branches are healthy.</p>\n')
    for title, tone, checkups in (("Errors", "bad", errors), ("Warnings", "warn", warnings)):
        if checkups:
            yield Markup('  <h3 class="{}">{}</h3>\n').format(tone, title)
            yield _list(
                _named(checkup.branch.name, (issue.text for issue in checkup.issues)) for checkup in checkups
            )
    if notes:
        yield NOTES.format(
            open=" open" if len(notes) <= MOST_OPEN else "",
            number=len(notes),
            branches=_branches(len(notes)),
            notes=_joined(Markup("  {}").format(_named(name, texts)) for name, texts in notes),
        )


def _named(name: str, texts: Iterable[str]) -> Markup:
    """Return an entry of a list: a name, and texts separated by semicolons."""
    shown = [plain(text) for text in texts]
    spans = [Markup("<span>{}; </span>").format(text) for text in shown[:-1]]
    spans += [Markup("<span>{}</span>").format(text) for text in shown[-1:]]
    return NAMED.format(plain(name), _joined(spans))


def _list(entries: Iterable[Markup]) -> Markup:
    return Markup("  <ul>\n{}  </ul>\n").format(_joined(entries))


def _mail(report: Report) -> Iterator[Markup]:
    total, activity = report.mail.total, report.activity
    yield Markup(
        "  <p>{:,} {} in the inboxes, {:,} of them unread.\n"
        "    Since {:%Y-%m-%d %H:%M}: {} sent,\n    {} received.</p>\n"
    ).format(total, "mail" if total == 1 else "mails", report.mail.unread, report.since, *_sums(activity))
    if activity:
        yield TABLE.format(rows=_joined(_rows(activity)))


def _sums(activity: Sequence[Activity]) -> tuple[int, int]:
    return sum(each.sent for each in activity), sum(each.received for each in activity)


def _rows(activity: Sequence[Activity]) -> Iterator[Markup]:
    most = max(each.total for each in activity)
    for each in activity[:MOST_ROWS]:
        yield ROW.format(
            branch=plain(each.branch),
            sent=each.sent,
            received=each.received,
            sent_bar=_bar("s", each.sent, most),
            received_bar=_bar("r", each.received, most),
        )
    if more := activity[MOST_ROWS:]:
        yield MORE_ROWS.format(len(more), *_sums(more))


def _bar(kind: str, number: int, most: int) -> Markup:
    width = round(LONGEST_BAR * number / most, 1)
    return Markup('<span class="{}" style="width: {}%"></span>').format(kind, width) if number else NOTHING


def _memory(report: Report) -> Markup:
    if not report.over:
        return Markup('  <p class="good">All memory files are within limits.</p>\n')
    return _list(
        NAMED.format(
            plain(memory.branch.name),
            Markup("<span>{}: {}</span>").format(plain(memory.name), memory.excess),
        )
        for memory in report.over
    )


def _plans(report: Report) -> Markup:
    if not report.plans:
        return Markup("  <p>None.</p>\n")
    entries = [_named(plan.plan_id, [plan.title]) for plan in report.plans[: report.most_plans]]
    if (more := len(report.plans) - report.most_plans) > 0:
        entries.append(Markup("    <li><span>and {} more</span></li>\n").format(more))
    return _list(entries)


def _problems(report: Report) -> Markup:
    texts = (Markup("    <li>{}</li>\n").format(plain(problem, 1000)) for problem in report.problems)
    return PROBLEMS.format(_joined(texts)) if report.problems else NOTHING
