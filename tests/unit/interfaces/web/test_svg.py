"""Strips, durations and chains, as what is drawn and what is said to those who don't see it."""

from scheduled.interfaces.web.pages import svg


def entry(verdict, slots=1, reason=None):
    return {"at": "2026-03-02T03:00:00+01:00", "until": "2026-03-02T03:00:00+01:00", "slots": slots, "verdict": verdict, "reason": reason, "run_id": None}  # fmt: skip


def test_a_strip_has_a_place_for_each_verdict_and_the_newest_at_the_right():
    drawn = svg.strip(
        [entry("success"), entry("coalesced", 12), entry("failed", reason="exit code 4")], places=5
    )

    assert [bar.kind for bar in drawn.bars] == ["none", "none", "success", "coalesced", "failed"]
    assert (
        len({bar.x for bar in drawn.bars}) == 5 and max(bar.x for bar in drawn.bars) + svg.BAR == drawn.width
    )
    assert drawn.bars[3].height < drawn.bars[4].height  # not by colour alone
    assert drawn.bars[3].title == "2026-03-02 03:00:00 +0100 coalesced, 12 slots"
    assert drawn.bars[4].title.endswith("failed: exit code 4")
    assert drawn.said == "Last 3 verdicts: 1 success, 1 coalesced, 1 failed; the last: failed"


def test_an_empty_strip_says_so():
    assert svg.strip([]).said == "No verdicts yet"


def test_durations_are_drawn_to_scale_and_oldest_first():
    runs = [
        {"duration_ms": ms, "status": "success", "started_at": "2026-03-02T03:00:00+01:00"}
        for ms in (2000, None, 500)
    ]

    drawn = svg.durations(runs, height=100)

    assert [bar.height for bar in drawn.bars] == [25, 100]
    assert drawn.said == "Durations of 2 runs: median 1.2 s, longest 2.0 s"
    assert svg.durations([]) is None


def test_in_a_chain_every_job_leads_to_all_of_the_next_step():
    drawn = svg.chain([["a"], ["b", "c"], ["d"]], {"b": "failed"})

    assert [node.name for node in drawn.nodes] == ["a", "b", "c", "d"]
    assert [node.status for node in drawn.nodes] == ["", "failed", "", ""]
    assert len(drawn.edges) == 4
    a, b, c, d = drawn.nodes
    assert a.x + a.width < b.x == c.x < d.x and b.y + b.height < c.y
    assert all(
        node.x + node.width <= drawn.width and node.y + node.height <= drawn.height for node in drawn.nodes
    )
