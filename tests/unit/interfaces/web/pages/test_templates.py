"""The templates, rendered with plain values."""

from scheduled.interfaces.web.pages.templating import environment

RUN = {
    "run_id": "backup-manual-1", "job": "backup", "scheduled_for": None, "slots": 0, "trigger": "manual", "attempt": 1,
    "status": "claimed", "reason": None, "started_at": None, "finished_at": None, "duration_ms": None,
}  # fmt: skip


def rendered(source, **values):
    return environment().from_string('{% import "macros.html" as m %}' + source).render(**values)


def test_a_run_that_has_not_started_is_named_by_its_trigger():
    assert ">manual<span" in rendered("{{ m.runs([run]) }}", run=RUN)
