"""The block of scheduled with the `crontab` of every other cron in Debian, each in an overlay of the machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scheduled.install.block_lines import BEGIN, END
from tests.e2e.cron_world import missing

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.skipif(shutil.which("apt-get") is None, reason="NOT RUN: needs Debian's packages"),
]

# The packages that each cron needs in addition to its own, and the commands to run before its `crontab` is used.
PACKAGES = {"cronie": [], "systemd-cron": [], "bcron": ["libbg2", "ucspi-unix"], "busybox": []}
BEFORE = {
    "bcron": """
        mkdir -p /var/spool/cron/tmp
        unixserver /run/bcron-spool bcron-spool >/dev/null 2>&1 &
        export BCRON_SOCKET=/run/bcron-spool
        for _ in $(seq 500); do [ -S "$BCRON_SOCKET" ] && break; sleep 0.02; done
    """,
    "busybox": """
        busybox --list | grep -qx crontab || exit 77
        ln -sf "$(command -v busybox)" /usr/local/bin/crontab
    """,
}
# $0 is a directory of the test. Changes to files of the machine are only in memory and are dropped after the test.
SEAL = r"""
mount -t tmpfs t "$0/top"
mkdir "$0/top/up" "$0/top/work" "$0/top/root"
mount -t overlay -o "lowerdir=/,upperdir=$0/top/up,workdir=$0/top/work" overlay "$0/top/root"
cd "$0/top/root"
mount --rbind /dev dev; mount --rbind /proc proc; mount -t tmpfs t run; mount -t tmpfs -o mode=1777 t tmp
for place in "$@"; do mkdir -p ".$place"; mount --rbind "$place" ".$place"; mount -o remount,bind,ro ".$place"; done
rm -rf usr/bin/crontab var/spool/cron
for package in "$0"/*.deb; do dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink; done
mkdir -p var/spool/cron/crontabs tmp/home
chmod 1777 var/spool/cron/crontabs
exec chroot . env -i LOGNAME=root HOME=/tmp/home PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -euc "$SCRIPT"
"""
PRELUDE = """
import sys
from pathlib import Path
from scheduled.errors import ScheduledError
from scheduled.install import crontab
home = Path.home()
plan = crontab.install_plan(config=home / ".config/scheduled/scheduled.toml", state=home / ".local/state/scheduled")
def install(**options): return crontab.install(plan, **options).changed
def uninstall(**options): return crontab.uninstall(state=plan.state, **options).changed
"""


def downloaded(directory, packages):
    """Download *packages* of Debian to *directory*; skip the test, with the reason, if that fails."""
    done = subprocess.run(
        ["apt-get", "download", "-qq", *packages], cwd=directory, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(
            f"NOT RUN: no package {' '.join(packages)} in this Debian: {done.stderr.partition(chr(10))[0]}"
        )


@pytest.fixture(params=PACKAGES)
def inside(request, tmp_path):
    """Return a function that runs a shell script in an overlay with the `crontab` of another cron only."""
    downloaded(tmp_path, [request.param, *PACKAGES[request.param]])
    (tmp_path / "top").mkdir()
    places = dict.fromkeys(os.path.realpath(place) for place in (ROOT, sys.prefix, sys.base_prefix))
    shown = [place for place in places if place not in {"/usr", "/"}]

    def run(script):
        environment = {**os.environ, "SCRIPT": f"{BEFORE.get(request.param, '')}\n{script}"}
        done = subprocess.run(
            ["unshare", "-m", "-p", "--fork", "--kill-child", "sh", "-euc", SEAL, str(tmp_path), *shown],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode == 77:
            pytest.skip(f"NOT RUN: this Debian's {request.param} has no crontab")
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def python(*lines):
    """Return a shell command that runs Python *lines* with `install` and `uninstall` defined."""
    code = "\n".join([PRELUDE, *lines])
    return f"env -u LOGNAME {sys.executable} - <<'END'\nimport sys; sys.path.insert(0, {str(ROOT)!r})\n{code}\nEND\n"


def test_without_a_crontab_before_there_is_none_after_uninstall(inside):
    out = inside(
        f"{python('print(install(), install())')} crontab -l; {python('print(uninstall(), uninstall())')}"
        "! crontab -l 2>/dev/null"
    )

    assert (out.startswith("True False\n"), out.endswith("True False\n")) == (True, True)
    assert (out.encode().count(BEGIN), out.encode().count(END)) == (1, 1)


def test_uninstall_restores_the_lines_of_the_user(inside):
    out = inside(f"""
        printf '# other line\\n\\nPATH=/a:/b\\n*/7 1-5,9 * * 1\\t echo 50\\\\%% "x" # y\\n' > /tmp/table
        crontab /tmp/table
        crontab -l > /tmp/before
        {python("print(install())")}
        crontab -l | head -n 4 | cmp - /tmp/before && crontab -l | grep -c ' run'
        {python("print(uninstall())")}
        crontab -l | cmp - /tmp/before
    """)

    assert out.split()[::2] == ["True", "True"]
    assert int(out.split()[1]) > 0


def test_the_command_in_the_block_runs_a_tick(inside):
    out = inside(f"""
        {python("print(install())")}
        crontab -l | grep '^@reboot' | sed 's/^@reboot //' > /tmp/tick
        mkdir -p /tmp/home/.config/scheduled
        printf '[jobs.a]\\nevery = "1h"\\ncommand = "true"\\n' > /tmp/home/.config/scheduled/scheduled.toml
        chmod 700 /tmp/home/.config/scheduled /tmp/home/.config /tmp/home
        env -i HOME=/tmp/home /bin/sh -c "$(cat /tmp/tick)" && echo ticked
    """)

    assert out == "True\nticked\n"
