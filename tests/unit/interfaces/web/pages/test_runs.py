"""The values of the pages about runs."""

from scheduled.interfaces.web.pages.filters import as_text, without
from scheduled.interfaces.web.pages.runs import newest_run, steps_with_runs


def test_the_newest_run_is_not_a_row_of_slots_without_a_run():
    assert newest_run([{"run_id": None, "slots": 3}, {"run_id": "r2"}, {"run_id": "r1"}]) == {"run_id": "r2"}
    assert newest_run([]) is None


def test_the_steps_as_configured_have_the_runs_of_the_same_job_in_the_same_step():
    ran = [
        [{"job": "a", "run_id": "a1", "status": "success"}],
        [{"job": "b", "run_id": None, "status": None}],
    ]

    found = steps_with_runs([["a"], ["b", "c"], ["a"]], ran)

    assert [[(one["job"], one["status"]) for one in step] for step in found] == [
        [("a", "success")],
        [("b", None), ("c", None)],
        [("a", None)],  # the same job in another step
    ]
    assert steps_with_runs([["a"]], []) == [[{"job": "a", "run_id": None, "status": None}]]


def test_a_result_is_shown_without_the_steps_and_its_values_as_text():
    assert without({"steps": [], "errors": 2}, "steps") == {"errors": 2}
    assert without(None, "steps") == {}
    assert [as_text(value) for value in ("a", 2, None, {"b": [1]})] == ["a", "2", "null", '{"b":[1]}']
