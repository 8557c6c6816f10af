import pytest

from scheduled.commands import daily_report, run
from scheduled.errors import ConfigError
from scheduled.instance import Instance


@pytest.fixture
def instance(tmp_path):
    (tmp_path / "etc").mkdir(mode=0o700)
    return Instance(str(tmp_path / "etc/scheduled.toml"), str(tmp_path / "state"))


@pytest.mark.parametrize(
    "tick",
    [run.run, lambda given: run.run(given, ["a"]), lambda given: daily_report.daily_report(given, due=True)],
    ids=["run", "run JOB", "daily-report"],
)
def test_a_tick_that_refuses_the_configuration_logs_why_in_the_state_directory(instance, tick):
    instance.config_file.write_text("[broken")

    for _ in range(2):
        with pytest.raises(ConfigError) as refused:
            tick(instance)

    lines = (instance.paths.root / "scheduled.log").read_text().splitlines()
    expected = f"| scheduled | ERROR | the configuration was refused, so no job ran: {refused.value}"
    assert [line[20:] for line in lines] == [expected] * 2


def test_without_a_configuration_and_a_state_nothing_is_created(instance):
    with pytest.raises(ConfigError):
        run.run(instance)

    assert not instance.paths.root.exists()


def test_a_state_directory_that_cannot_be_used_does_not_hide_the_reason(instance):
    instance.config_file.write_text("[broken")
    instance.paths.root.write_text("a file")

    with pytest.raises(ConfigError, match="table declaration"):
        run.run(instance)
