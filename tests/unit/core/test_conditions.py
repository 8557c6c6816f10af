"""A condition as a text for people."""

import pytest

from scheduled.core.conditions import Condition, in_words


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"text": "ticks have stopped"}, "ticks have stopped"),
        ({"branch": "DRONE", "issue": "no inbox", "line": "no inbox"}, "DRONE: no inbox"),
        ({"branch": "drone", "line": "DRONE.local.json: 523 lines"}, "DRONE.local.json: 523 lines"),
        ({"branch": "A", "what": "unreadable", "problem": "A: inbox cannot be parsed"}, "A: inbox cannot be parsed"),
        ({"branch": "FLOW", "file_name": "x", "line_count": 702, "threshold": 600}, "FLOW: x: line count 702, threshold 600"),
        ({"branch": "FLOW", "file_name": "FLOW.local.json", "line_count": 702}, "FLOW.local.json: line count 702"),
        ({"used": 93}, "disk full /home: used 93"),
        ({"text": ""}, "disk full /home"),
        ({}, "disk full /home"),
    ],
)  # fmt: skip
def test_a_condition_of_every_handler_has_words(payload, words):
    assert in_words(Condition(key="disk_full:/home", group="g", payload=payload)) == words


def test_a_file_over_a_limit_is_described_by_what_exceeds_it():
    payload = {"branch": "SEED", "file_name": "local.json", "line_count": 1, "threshold": 15, "count": 40}
    condition = Condition(
        key="k", group="g", payload={**payload, "unit": "sessions", "excess": "40 sessions"}
    )

    assert in_words(condition) == "SEED: local.json has 40 sessions (threshold: 15)"
