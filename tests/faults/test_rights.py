"""The modes and owners of created files, the refusal of unsafe ones, and symbolic links."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from scheduled.state.files import RefusedError, write_atomically
from tests.fixtures.sample_workspace import unpack

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change owners")


# Modes


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o022])
def test_every_created_file_is_private_under_any_umask(world, umask):
    unpack(world.root / "workspace")
    world.configure(f"""
        workspace = "{world.root / "workspace"}"
        [jobs.a]
        command = "echo words"
        [jobs.report]
        handler = "daily_report"
    """)
    options = {"preexec_fn": lambda: os.umask(umask)}

    assert world.run("run", "a", "report", **options).returncode == 0
    assert world.run("add", "b", "--every", "1h", "--command", "true", **options).returncode == 0
    assert world.run("state", "backup", str(world.root / "kept.tgz"), **options).returncode == 0
    world.start("run").wait()

    rights = {path: stat.S_IMODE(path.stat().st_mode) for path in [world.state, *world.state.rglob("*")]}
    assert len(rights) > 10
    assert {mode for path, mode in rights.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in rights.items() if path.is_file()} == {0o600}
    made = [world.config.parent / "jobs.d" / "b.toml", world.root / "kept.tgz"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o600, 0o600]
    assert stat.S_IMODE(made[0].parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["ledger.db", "scheduled_state.json", "spool", "results", "output"])
def test_world_writable_state_is_refused_with_the_fix(world, name):
    world.configure("")
    world.run("run")
    place = world.state / name
    place.chmod(0o777)

    done = world.run("run", "-v")

    assert (done.returncode, done.stderr) == (
        2,
        f"scheduled: {place}: is writable by all users; chmod o-w {place}\n",
    )
    subprocess.run(done.stderr.rpartition("; ")[2], shell=True, check=True)
    assert world.run("run").returncode == 0


def test_a_job_with_a_world_writable_env_file_fails_and_the_other_jobs_run(world):
    variables = world.root / "env"
    variables.write_text("PATH=/tmp/evil\n")
    variables.chmod(0o666)
    world.configure(f"""
        [jobs.a]
        command = "touch {world.root}/ran"
        env_file = "{variables}"
        [jobs.b]
        command = "true"
    """)

    done = world.run("run", "a", "b")

    output = f"a: failed: env_file {variables}: {variables}: is writable by all users; chmod o-w {variables}"
    assert (done.returncode, output in done.stderr, (world.root / "ran").exists()) == (1, True, False)
    assert {run["job"]: run["status"] for run in world.json("history")} == {"a": "failed", "b": "success"}


# Links


@ROOT
def test_a_link_planted_by_another_user_in_a_shared_directory_is_not_followed(tmp_path):
    shared, target = tmp_path / "shared", tmp_path / "target"
    shared.mkdir()
    shared.chmod(0o1777)
    target.write_text("before")
    (shared / "backup.tgz").symlink_to(target)
    os.lchown(shared / "backup.tgz", 4711, 4711)

    with pytest.raises(RefusedError, match="link of user 4711"):
        write_atomically(shared / "backup.tgz", b"x", mode=0o600)

    os.lchown(shared / "backup.tgz", 0, 0)
    write_atomically(shared / "backup.tgz", b"x")
    assert target.read_text() == "x"


@ROOT
def test_a_private_file_does_not_keep_the_owner_of_the_file_that_it_replaces(tmp_path):
    path = tmp_path / "backup.tgz"
    path.touch(mode=0o666)
    os.chown(path, 4711, 4711)

    write_atomically(path, b"x", mode=0o600)

    found = path.stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (0, 0o600)


@pytest.mark.parametrize("place", ["ledger.db", "scheduled.log", "scheduled_state.json"])
def test_a_link_in_the_state_is_not_followed(world, place):
    world.configure("[jobs.a]\ncommand = 'true'\n")
    world.run("run", "a")
    before = world.root / "elsewhere"
    before.write_bytes(b"unchanged")
    (world.state / place).unlink(missing_ok=True)
    (world.state / place).symlink_to(before)

    world.run("run", "a")

    assert before.read_bytes() == b"unchanged"


def test_a_central_file_that_leads_out_of_the_workspace_is_not_written(world):
    workspace = world.root / "workspace"
    unpack(workspace)
    outside = world.root / "outside"
    outside.write_text("{}")
    for name in ("HEALTH", "METRICS", "AI_MAIL"):
        (workspace / f"aipass_os/AI_CENTRAL/{name}.central.json").unlink(missing_ok=True)
        (workspace / f"aipass_os/AI_CENTRAL/{name}.central.json").symlink_to(outside)
    world.configure(f"""
        workspace = "{workspace}"
        [jobs]
        health.handler = "health"
        metrics.handler = "metrics"
        mail.handler = "mail_cleanup"
    """)

    done = world.run("run", "health", "metrics", "mail")

    assert (outside.read_text(), "is a link to outside" in done.stderr) == ("{}", True)
    assert "Traceback" not in done.stderr


def test_system_logs_outside_of_the_workspace_are_not_used(world):
    workspace = world.root / "workspace"
    unpack(workspace)
    (workspace / "system_logs").rename(world.root / "elsewhere")
    (workspace / "system_logs").symlink_to(world.root / "elsewhere")
    world.configure(f'workspace = "{workspace}"\n[jobs.a]\ncommand = "true"\n')

    world.run("run", "a")

    assert not (world.root / "elsewhere" / "scheduled.log").exists()
    assert "job_completed" in (world.state / "scheduled.log").read_text()


def test_a_log_that_is_a_hard_link_is_named_and_not_written(world):
    victim = world.root / "victim"
    victim.write_text("precious")
    world.configure('[jobs.a]\ncommand = "true"\n')
    world.run("run")
    (world.state / "scheduled.log").unlink(missing_ok=True)
    os.link(victim, world.state / "scheduled.log")

    done = world.run("run", "a")

    assert (done.returncode, victim.read_text()) == (1, "precious")
    assert f"{world.state}/scheduled.log: is a hard link" in done.stderr


def test_a_fifo_in_place_of_the_log_does_not_block_a_tick(world):
    workspace = world.root / "workspace"
    unpack(workspace)
    os.mkfifo(workspace / "system_logs" / "scheduled.log")
    world.configure(f'workspace = "{workspace}"\n[jobs.a]\ncommand = "true"\n')

    done = world.run("run", "a")

    assert (done.returncode, "scheduled.log: is a FIFO or a socket" in done.stderr) == (1, True)


def test_an_environment_that_is_not_valid_utf_8_does_not_stop_a_tick(world):
    world.configure("""
        [jobs.a]
        command = 'printf "%s" "$ODD" | od -An -tx1'
    """)

    odd = {**os.environ, "ODD": os.fsdecode(b"\xffa\x80")}
    done = world.run("run", "a", "--inherit-env", env=odd)

    assert (done.returncode, done.stderr, world.json("logs", "a")["output"]) == (0, "", " ff 61 80\n")


def test_a_module_in_the_working_directory_is_not_imported(world):
    """A tick that the user starts in a shared directory imports nothing from it."""
    (world.root / "json.py").write_text("raise SystemExit('planted')\n")
    world.configure("[jobs.a]\ncommand = 'true'\n")

    done = subprocess.run(
        [sys.executable, "-I", "-S", *world.command("run", "a")[1:]],
        cwd=world.root, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert Path(world.state / "ledger.db").exists()
