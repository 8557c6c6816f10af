"""A queue of start requests behaves like a list from which each key takes its oldest row."""

from hypothesis import given
from hypothesis import strategies as st

from scheduled.core.keys import JobKey
from scheduled.core.request_queue import RequestQueue
from scheduled.core.runs import StartRequest

KEYS = [JobKey("a"), JobKey("a", "x"), JobKey("b")]


def a_row(number, key):
    return StartRequest(id=number, job=key.job, target=key.target, event="e", payload={}, depth=0)


@given(
    st.lists(st.sampled_from(KEYS)),
    st.lists(st.tuples(st.sampled_from(["without", "plus", "only"]), st.sampled_from(KEYS)), max_size=20),
)
def test_a_queue_behaves_like_a_list(first, changes):
    rows = [a_row(number, key) for number, key in enumerate(first)]
    queue = RequestQueue(rows)
    for number, (change, key) in enumerate(changes):
        before, kept = queue, list(queue)
        if change == "plus":
            new = a_row(1000 + number, key)
            queue, rows = queue.plus([new]), [*rows, new]
        elif change == "only":
            queue, rows = queue.only([key]), [row for row in rows if row.key == key]
        else:
            oldest = next((row for row in rows if row.key == key), None)
            queue, rows = queue.without([key]), [row for row in rows if row is not oldest]
        assert list(before) == kept

    assert sorted(queue, key=lambda row: row.id) == sorted(rows, key=lambda row: row.id)
    assert bool(queue) == bool(rows)
    for key in KEYS:
        of_key = [row for row in rows if row.key == key]
        assert list(queue.of(key)) == of_key
        assert queue.oldest(key) == (of_key[0] if of_key else None)
        assert (key in queue, key in queue.waiting()) == (bool(of_key), bool(of_key))
