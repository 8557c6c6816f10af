"""A result on disk survives a tick that could not commit it: the job is not run again."""

import json
import os
import shutil
import subprocess

import pytest

from tests.fixtures.world import World

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("unshare") is None,
        reason="NOT RUN: needs root and unshare to mount a disk of its own",
    ),
]

SCRIPT = """
    set -eu
    mkdir -p -m 700 {state}
    mount -t tmpfs -o size=1500k,mode=700 tmpfs {state}
    {run} >/dev/null 2>&1 &
    runner=$!
    while [ ! -e {ran} ]; do sleep 0.02; done
    kill -9 "$runner"
    sleep 1.4
    dd if=/dev/zero of={state}/fill bs=1k 2>/dev/null || :
    if {run} >/dev/null 2>&1; then echo 0; else echo "$?"; fi
    rm {state}/fill
    {run} >/dev/null 2>&1 || :
    {history}
"""


def test_a_result_that_could_not_be_recorded_on_a_full_disk_is_recorded_later(world: World) -> None:
    ran = world.root / "ran"
    world.configure(f"""
        [jobs.pay]
        cron = "* * * * *"
        on_interrupted = "skip"
        command = "echo start $SCHEDULED_RUN_ID >> {ran}; sleep 1; echo done >> {ran}"
    """)
    run, history = (" ".join(world.command(*words)) for words in (["run"], ["history", "pay", "--json"]))
    script = SCRIPT.format(state=world.state, ran=ran, run=run, history=history)

    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=True)

    exit_code, *document = done.stdout.splitlines()
    starts = [line for line in ran.read_text().splitlines() if line.startswith("start")]
    assert exit_code == "1"
    assert len(starts) == len(set(starts))
    assert json.loads("\n".join(document))[-1]["status"] == "success"
