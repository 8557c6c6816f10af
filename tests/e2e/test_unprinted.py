"""What a tick in a process that lives on announced, and could not hand over."""

import pytest

from scheduled import service
from scheduled.engine import publish
from scheduled.errors import StateError
from scheduled.instance import Instance


@pytest.fixture
def troubled(world):
    world.configure(f"""
        timezone = "UTC"
        [metrics]
        textfile = "{world.root}/missing/metrics.prom"
        [jobs.a]
        command = "true"
    """)
    return world


def test_the_next_tick_prints_what_a_tick_announced_before_it_raised(troubled, monkeypatch):
    def fail(*_, **__):
        raise StateError("no space")

    monkeypatch.setattr(publish, "snapshot", fail)
    instance = Instance(str(troubled.config), str(troubled.state))
    with pytest.raises(StateError):
        service.run(instance)

    assert instance.paths.unprinted == []
    assert "metrics: can't be written" in troubled.run("run").stderr


def test_what_a_tick_returned_is_not_printed_again(troubled):
    found = service.run(Instance(str(troubled.config), str(troubled.state)))

    assert len(found["problems"]) == 1
    assert troubled.run("run").stderr == ""
