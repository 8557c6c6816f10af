"""The longest names that the configuration accepts, in every command that takes one."""

import pytest

HAN, PLANE_2 = "\u8a9e", "\U00020000"  # letters of three and four bytes
EVENT = "a" + PLANE_2 * 99


@pytest.mark.parametrize(
    ("name", "when"),
    [(PLANE_2 * 100, 'cron = "* * * * *"'), ("a" + "@" * 99, f'on = "{EVENT}"')],
    ids=["four bytes", "doubled letters"],
)
def test_a_job_with_a_long_name_runs_in_every_way(world, name, when):
    world.configure(f"""
        timezone = "UTC"
        [jobs."{name}"]
        {when}
        command = "echo it ran"
        [jobs.all]
        chain = ["{name}"]
    """)
    assert world.run("check").returncode == 0

    for arguments in (["run"], ["run", name], ["run", "all"], ["emit", EVENT], ["run"], ["try", name]):
        done = world.run(*arguments)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr

    runs = [run for run in world.json("history") if run["job"] == name]
    assert {run["trigger"] for run in runs} == {"manual", "chain", "schedule" if "cron" in when else "event"}
    assert {run["status"] for run in runs} == {"success"}
    assert world.json("logs", runs[0]["run_id"])["output"] == "it ran\n"
    assert world.json("logs", name)["output"] == "it ran\n"
    assert world.run("rerun", runs[0]["run_id"]).returncode == 0
    assert world.json("explain", name)["job"] == name
    assert world.json("audit")["ok"]


def test_a_job_with_a_long_name_is_added_stopped_and_removed(world, until):
    name = HAN * 100
    world.configure('timezone = "UTC"')
    assert world.run("add", name, "--cron", "* * * * *", "--", "sleep", "60").returncode == 0
    tick = world.start("run")
    until(
        lambda: (
            (world.state / "ledger.db").exists() and world.sql("SELECT 1 FROM runs WHERE status = 'running'")
        )
    )

    stopped = world.run("stop", world.json("history")[0]["run_id"])

    assert stopped.returncode == 0, stopped.stderr
    assert until(lambda: tick.poll() is not None)
    assert [run["status"] for run in world.json("history")] == ["skipped"]
    assert world.run("remove", name).returncode == 0
    assert world.json("jobs") == []
