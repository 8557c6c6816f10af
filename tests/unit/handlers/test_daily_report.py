"""The daily report has the content of the design's report, as Markdown and as an HTML page."""

import json
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from markdown_it import MarkdownIt

from scheduled.handlers import daily_report
from tests.fixtures.sample_workspace import NOW, Sample, mail

EIGHT = datetime(2026, 2, 3, 8, tzinfo=UTC)
PLANS = "aipass_os/AI_CENTRAL/PLANS.central.json"


def body(sample: Sample, **given: Any) -> str:
    sample.run(daily_report, **given)
    return sample.report.notices[0].body


def section(text: str, title: str) -> list[str]:
    """Return the lines of the section *title*, including its subsections."""
    rest = text.partition(f"## {title}\n")[2]
    return [line for line in rest.partition("\n## ")[0].splitlines() if line]


def test_it_is_delivered_to_dev_central(sample: Sample) -> None:
    sample.run(daily_report)

    (notice,) = sample.report.notices
    expected = ("@dev_central", "[DAILY] System Report - 2026-02-03", "normal")
    assert expected == (notice.recipient, notice.subject, notice.priority)


def test_it_has_the_sections_of_the_design(sample: Sample) -> None:
    text = body(sample)

    assert text.startswith("# AIPass Daily Report - 2026-02-03\n")
    assert section(text, "System Health")[:7] == [
        "- Healthy branches: 17",
        "- Warnings: 2",
        "- Errors: 0",
        "### Warnings",
        "- DRONE: local.json: 523 lines (approaching threshold)",
        "- FLOW: observations.json: 612 lines (threshold: 600)",
        "### Notes",
    ]
    assert section(text, "Mail Statistics")[:2] == ["- Total unread: 72", "- Total messages: 122"]
    expected = ["- Files exceeding threshold: 1", "  - FLOW/FLOW.observations.json: 612 lines"]
    assert expected == section(text, "Memory Status")


def test_plans_are_listed_with_their_subject(sample: Sample) -> None:
    """The flow branch writes `subject`; a reader of `title` would show every plan as untitled."""
    assert section(body(sample), "Active Plans") == [
        "- Total active: 4",
        "  - FPLAN-0350: Close flow for teams",
        "  - FPLAN-0349: Heal missing plan files",
        "  - FPLAN-0347: Dashboard section from centrals",
        "  - FPLAN-0344: Plan numbers per branch",
    ]


@pytest.mark.parametrize("text", [None, "{", '{"active_plans": 7}', "[]"])
def test_without_a_valid_central_file_of_plans_the_flow_registry_is_read(
    sample: Sample, text: str | None
) -> None:
    if text is None:
        (sample.root / PLANS).unlink()
    else:
        (sample.root / PLANS).write_text(text)
    registry = json.loads((sample.path("FLOW") / "flow_json/flow_registry.json").read_text())["plans"]

    found = section(body(sample), "Active Plans")

    active = {number: plan for number, plan in registry.items() if plan["status"] == "open"}
    assert f"- Total active: {len(active)}" == found[0]
    newest = max(active, key=lambda number: active[number]["created"])
    assert f"  - FPLAN-{newest}: {active[newest]['subject']}" == found[1]
    assert len(found) == 6


def test_the_title_is_used_if_a_plan_has_no_subject(sample: Sample) -> None:
    plans = [{"plan_id": "A", "title": "T"}, {"plan_id": "B"}, {"subject": "S"}, "text"]
    (sample.root / PLANS).write_text(json.dumps({"active_plans": plans}))

    expected = ["- Total active: 3", "  - A: T", "  - B: untitled", "  - unknown: S"]
    assert expected == section(body(sample), "Active Plans")


def test_activity_counts_deleted_and_archived_mails_too(sample: Sample) -> None:
    within, before = "2026-02-03 09:00:00", "2026-02-03 07:59:59"
    for branch in sample.expected["branches"]:
        mailbox = sample.put(branch["name"]).parent
        for path in [*mailbox.glob("sent/*"), *mailbox.glob("deleted/*"), *mailbox.glob(".archive/*/*")]:
            path.unlink()
    mailbox = sample.put(
        "FLOW", mail(id="1", timestamp=within), mail(id="2", timestamp=before), "text"
    ).parent
    for name, message in {
        "deleted/20260203_100000_a.json": mail(id="3", timestamp=within),
        "deleted/20260203_100000_b.json": mail(id="1", timestamp=within),
        ".archive/deleted/20260203_110000_c.json": mail(id="4", timestamp=within),
        "deleted/20260203_070000_d.json": mail(id="5", timestamp=within),
        "sent/20260203_090000_e.json": {"timestamp": within},
        ".archive/sent/20260203_090000_e.json": {"timestamp": within},
        "sent/0a1b2c3d.json": {"timestamp": within, "id": "0a1b2c3d"},
        "sent/1a1b2c3d.json": {"timestamp": before, "id": "1a1b2c3d"},
    }.items():
        (mailbox / name).parent.mkdir(parents=True, exist_ok=True)
        (mailbox / name).write_text(json.dumps(message))
    (mailbox / "sent" / "2a1b2c3d.json").write_text("{")

    found = section(body(sample, window_start=EIGHT), "Mail Statistics")

    assert "- Since 2026-02-03 08:00: 2 mails sent, 3 received" in found
    assert found[-3:] == ["| Branch | Sent | Received |", "| --- | ---: | ---: |", "| FLOW | 2 | 3 |"]


def test_the_first_report_covers_one_day(sample: Sample) -> None:
    assert "- Since 2026-02-02 14:00: " in "\n".join(section(body(sample), "Mail Statistics"))


def test_a_late_report_has_the_date_of_its_slot_and_is_marked_as_late(sample: Sample) -> None:
    now = datetime(2026, 2, 4, 1, 30, tzinfo=UTC)

    outcome = sample.run(
        daily_report, now=now, scheduled_for=EIGHT, missed=2, window_start=EIGHT - timedelta(days=3)
    )

    assert str(sample.files / "daily-2026-02-03.md") == outcome.data["report"]
    text = sample.report.notices[0].body
    assert "Made at 2026-02-04 01:30:00 UTC\n(late: it was due at 2026-02-03 08:00:00 UTC)" in text
    assert "(2 earlier reports missed; this report covers their time too)" in text


def test_the_date_is_local_in_the_workspaces_zone(sample: Sample) -> None:
    zone = ZoneInfo("Pacific/Auckland")

    sample.run(daily_report, now=NOW.astimezone(zone), zone=zone)

    assert sample.report.notices[0].subject == "[DAILY] System Report - 2026-02-04"


def test_both_files_are_written_and_named_in_the_outcome(sample: Sample) -> None:
    outcome = sample.run(daily_report)

    report, page = sample.files / "daily-2026-02-03.md", sample.files / "daily-2026-02-03.html"
    assert (str(report), str(page)) == (outcome.data["report"], outcome.data["html"])
    assert sample.report.notices[0].body == report.read_text()
    assert {report, page} == set(sample.files.iterdir())


class Page(HTMLParser):
    """Collects the tags and the text of a page; fails if tags are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        self.words += f"{data} "


def page(sample: Sample, **given: Any) -> Page:
    sample.run(daily_report, **given)
    return Page((sample.files / "daily-2026-02-03.html").read_text())


def test_the_page_is_well_formed_and_loads_no_resources(sample: Sample) -> None:
    found = page(sample)

    assert not found.open
    loading = {"src", "href", "srcset", "action", "data"}
    assert not [
        tag for tag, attributes in found.tags if loading & attributes.keys() or tag in {"script", "link"}
    ]
    assert "url(" not in (sample.files / "daily-2026-02-03.html").read_text()


def test_the_page_has_the_content_of_the_mail(sample: Sample) -> None:
    found = " ".join(page(sample).words.split())

    for words in (
        "Daily report for Tuesday, 3 February 2026",
        "Healthy 17 Warnings 2 Errors 0 Unread mails 72 Memory files over the limit 1 Active plans 4",
        "DRONE local.json: 523 lines (approaching threshold)",
        "FLOW FLOW.observations.json: 612 lines",
        "FPLAN-0350 Close flow for teams",
    ):
        assert words in found


NASTY = (
    "<script>alert(1)</script> **bold** [x](javascript:1) | `c` &lt; \u202e\n# Head\n- item ![i](http://x/y)"
)


@pytest.fixture
def nasty(sample: Sample) -> Sample:
    """A workspace with HTML and Markdown in all texts that the report quotes."""
    plans = [{"plan_id": NASTY, "subject": NASTY}, {"plan_id": "# x", "subject": "1. y"}]
    (sample.root / PLANS).write_text(json.dumps({"active_plans": plans}))
    name = "<b>X</b> |**[x](y)"[:12]
    (sample.root / "x").mkdir()
    (sample.root / "x" / f"{name.upper()}.local.json").write_text("\n" * 700) if "/" not in name else None
    sample.register({"name": "<b>|**x", "path": "x"}, {"name": f"bad {NASTY}"})
    (sample.root / "x" / "<B>|**X.local.json").write_text("\n" * 700)
    return sample


def test_texts_of_the_workspace_add_no_html_to_the_page(nasty: Sample) -> None:
    tags = {tag for tag, _ in page(nasty).tags}

    assert not tags & {"script", "img", "a"}
    assert "<script>alert(1)</script>" in page(nasty).words


def test_texts_of_the_workspace_add_no_markdown_to_the_mail(nasty: Sample) -> None:
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(body(nasty))

    inline = [child for token in tokens for child in token.children or []]
    kinds = {token.type for token in [*tokens, *inline]}
    assert not kinds & {
        "html_inline",
        "html_block",
        "link_open",
        "image",
        "strong_open",
        "em_open",
        "code_inline",
    }
    headings = [tokens[n + 1].content for n, token in enumerate(tokens) if token.type == "heading_open"]
    assert not [words for words in headings if "Head" in words or words == "x"]
    text = "".join(child.content for child in inline)
    assert (
        "<script>alert(1)</script> **bold** [x](javascript:1) | `c` &lt; # Head - item ![i](http://x/y)"
        in text
    )


def test_problems_are_listed_at_the_end(sample: Sample) -> None:
    sample.register({"name": "LOST"})

    assert section(body(sample), "Problems") == ["- LOST: has no valid path"]


def test_the_hourly_summary_names_the_date_after_an_outage(sample: Sample) -> None:
    before = NOW - timedelta(days=2)
    sample.run(daily_report, daily_report.Options(period="hourly"), window_start=before)

    assert "- Since 2026-02-01 14:00: " in (sample.files / "hourly.md").read_text()


def test_the_hourly_summary_is_one_short_file_and_no_mail(sample: Sample) -> None:
    options = daily_report.Options(period="hourly")
    for _ in range(2):
        outcome = sample.run(daily_report, options)

    text = (sample.files / "hourly.md").read_text()
    assert [path.name for path in sample.files.iterdir()] == ["hourly.md"]
    assert outcome.data["report"] == str(sample.files / "hourly.md")
    assert sample.report.notices == []
    assert text.startswith("# AIPass Hourly Summary - 2026-02-03 14:00 UTC\n")
    assert f"- Branches: {outcome.data['healthy']} healthy" in text
    assert "- Since 13:00: " in text
    assert "  - FLOW/FLOW.observations.json: 612 lines" in text
