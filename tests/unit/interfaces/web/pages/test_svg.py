"""The diagrams of recent results, durations and chains: their geometry and their text alternatives."""

from scheduled.interfaces.web.pages import svg


def entry(status, slots=1, reason=None):
    return {"at": "2026-03-02T03:00:00+01:00", "until": "2026-03-02T03:00:00+01:00", "slots": slots, "status": status, "reason": reason, "run_id": None}  # fmt: skip


def test_recent_results_have_one_bar_each_with_the_newest_on_the_right():
    drawn = svg.history_bars(
        [entry("success"), entry("coalesced", 12), entry("failed", reason="exit code 4")], places=5
    )

    assert [bar.kind for bar in drawn.bars] == ["none", "none", "success", "coalesced", "failed"]
    assert (
        len({bar.x for bar in drawn.bars}) == 5 and max(bar.x for bar in drawn.bars) + svg.BAR == drawn.width
    )
    assert drawn.bars[3].height < drawn.bars[4].height  # results differ in height, not only in colour
    assert drawn.bars[3].title == "2026-03-02 03:00:00 +0100 coalesced, 12 slots"
    assert drawn.bars[4].title.endswith("failed: exit code 4")
    assert drawn.label == "Last 3 results: 1 success, 1 coalesced, 1 failed; newest: failed"


def test_the_label_of_one_result_and_of_none():
    assert svg.history_bars([entry("failed")]).label == "Last result: 1 failed; newest: failed"
    assert svg.history_bars([]).label == "No results yet"


def test_durations_are_drawn_to_scale_and_oldest_first():
    runs = [
        {"duration_ms": ms, "status": "success", "started_at": "2026-03-02T03:00:00+01:00"}
        for ms in (2000, None, 500)
    ]

    drawn = svg.durations(runs, height=100)

    assert [bar.height for bar in drawn.bars] == [25, 100]
    assert drawn.label == "Durations of 2 runs: median 1.2 s, longest 2.0 s"
    assert svg.durations([]) is None


def test_in_a_chain_every_job_is_connected_to_all_jobs_of_the_next_step():
    steps = [["a"], ["b", "c"], ["d"]]
    runs = [[{"job": job, "status": "failed" if job == "b" else None} for job in step] for step in steps]

    drawn = svg.chain(runs)

    assert [node.name for node in drawn.nodes] == ["a", "b", "c", "d"]
    assert [node.status for node in drawn.nodes] == ["", "failed", "", ""]
    assert len(drawn.edges) == 4
    a, b, c, d = drawn.nodes
    assert a.x + a.width < b.x == c.x < d.x and b.y + b.height < c.y
    assert all(
        node.x + node.width <= drawn.width and node.y + node.height <= drawn.height for node in drawn.nodes
    )
