"""Schedules import libraries and time zone data only if they need them."""

import subprocess
import sys

import pytest


def test_utc_needs_no_time_zone_data(tmp_path):
    code = "from scheduled.schedules.cron_timetable import cron; print(cron('@daily', 'UTC').next_after(1))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONTZPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (found.stdout, found.stderr) == ("86400\n", "")


@pytest.mark.parametrize("use", ["", "; cron('30 4 * * *', 'UTC').next_after(0)"])
def test_simple_fields_do_not_import_cronsim(use):
    code = f"import sys; from scheduled.schedules.cron_timetable import cron{use}; print('cronsim' in sys.modules)"

    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"
