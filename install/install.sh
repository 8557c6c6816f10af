#!/bin/sh
# Set `scheduled` up for the user who runs this. Needs Python >= 3.11 with venv, and nothing else.
#
#   install.sh --try                    show it at work inside this checkout; nothing outside is touched
#   install.sh [--workspace DIR] [--every MINUTES] [--no-cron]
#                                       the real thing: program, command, starter config, crontab, first run
#   install.sh --uninstall              take all of that back, but for the state and what you have edited
#   install.sh --purge                  and the state too
set -eu

checkout=$(cd "$(dirname "$0")/.." && pwd -P)
log=/dev/null

say() { printf '%s\n' "$*"; }

die() {
    printf 'install.sh: %s\n' "$*" >&2
    exit "${code:-1}"
}

usage() {
    sed -n '/^#!/d; /^#/!q; s/^# \{0,1\}//p' "$0"
}

# --- what must be there ----------------------------------------------------------------------------------

find_python() {
    for name in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        found=$(command -v "$name" 2>/dev/null) || continue
        if "$found" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$found"
            return
        fi
    done
    die 'missing: Python 3.11 or newer (Debian, Ubuntu: sudo apt-get install python3 python3-venv)'
}

# Given what this action needs besides Python, say all that is missing at once, and how to get it.
need() {
    absent='' packages=''
    for thing in "$@"; do
        case $thing in
        home)
            case ${HOME:-} in
            /*) ;;
            *) die 'missing: HOME is not set to a directory' ;;
            esac
            ;;
        venv)
            "$python" -c 'import ensurepip, venv' 2>/dev/null && continue
            version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
            absent="$absent, the venv module of Python $version" packages="$packages python$version-venv"
            ;;
        cron)
            command -v crontab >/dev/null && continue
            absent="$absent, cron (or say --no-cron)" packages="$packages cron"
            ;;
        esac
    done
    [ -z "$absent" ] || die "missing: ${absent#, } (Debian, Ubuntu: sudo apt-get install$packages)"
}

# The XDG specification: a relative path is to be ignored.
xdg() {
    case $1 in
    /*) printf '%s/scheduled\n' "$1" ;;
    *) printf '%s/scheduled\n' "$2" ;;
    esac
}

# --- the program in a private environment -----------------------------------------------------------------

# Temporary files stay beside the environment too: nothing is left anywhere, and --try stays in the checkout.
make_environment() {
    venv=$1
    mkdir -p "$(dirname "$venv")"
    TMPDIR=$venv.tmp
    export TMPDIR
    rm -rf "$TMPDIR"
    mkdir "$TMPDIR"
    trap 'rm -rf "$TMPDIR"' EXIT
    trap 'exit 130' INT TERM HUP
    log=$venv.log
    if ! "$venv/bin/python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        "$python" -m venv --clear "$venv" >"$log" 2>&1 || die "no environment could be made in $venv: see $log"
    fi
    install_package
}

# From a copy: a build leaves no traces in the checkout, takes none from an earlier one, and what is
# installed does not depend on the checkout any more.
install_package() {
    mkdir "$TMPDIR/source"
    for part in pyproject.toml README.md LICENSE scheduled handlers state install docs; do
        cp -RP "$checkout/$part" "$TMPDIR/source/"
    done
    # Whatever a person has set for pip, it installs here.
    PIP_USER=0 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PYTHONNOUSERSITE=1 \
        "$venv/bin/python" -m pip install --quiet --retries 2 "$TMPDIR/source" >"$log" 2>&1 || explain_pip
    rm -f "$log"
}

explain_pip() {
    if grep -qE 'name resolution|Network is unreachable|ConnectionError|ConnectTimeout|No matching distribution' "$log"; then
        die "missing: a network, or a package index that pip can reach; details in $log"
    fi
    die "pip failed: $(grep -m 1 -i error "$log" || tail -n 1 "$log"); details in $log"
}

# --- install.sh --try ---------------------------------------------------------------------------------------

try() {
    need venv
    demo=$checkout/.try
    say "Installing into $checkout/.venv ..."
    make_environment "$checkout/.venv"
    rm -rf "$demo"
    mkdir -m 700 "$demo"
    "$venv/bin/python" -I -m scheduled.install.demo "$demo" || die "the demo could not be made in $demo"
    say "A demo workspace is in $demo: its machine has slept for a day. Catching up:"
    set -- "$venv/bin/scheduled" --config "$demo/scheduled.toml" --state "$demo/state"
    ran=0
    "$@" run --verbose || ran=$?
    say ''
    say 'The report of the day it caught up with:'
    find "$demo/state" -path '*/reports/*' \( -name '*.md' -o -name '*.html' \) | sort | sed 's/^/  /'
    say ''
    say 'Look around with:'
    say "  $* status"
    return "$ran"
}

# --- install.sh ---------------------------------------------------------------------------------------------

install_for_user() {
    if [ -n "$no_cron" ]; then need home venv; else need home venv cron; fi
    need_command_free
    say "Installing into $data/venv ..."
    make_environment "$data/venv"
    link_command
    "$venv/bin/python" -I -m scheduled.install.starter write ${workspace:+"$workspace"}
    [ -n "$no_cron" ] || "$venv/bin/scheduled" install ${every:+--every "$every"}
    ran=0
    "$venv/bin/scheduled" run || ran=$?
    [ "$ran" -eq 0 ] || say "The first run ended with exit code $ran."
    say "Done: \`scheduled status\` says what is due, \`scheduled check\` whether the configuration is right."
    case :$PATH: in
    *:"$bin":*) ;;
    *) say "$bin is not on your PATH yet: log in again, or add it to PATH in ~/.profile." ;;
    esac
    return "$ran"
}

# Another installer's command (pipx, uv) is not ours to replace.
need_command_free() {
    if [ -e "$bin/scheduled" ] && [ "$(readlink "$bin/scheduled")" != "$data/venv/bin/scheduled" ]; then
        die "$bin/scheduled is there already and is not ours: remove it first"
    fi
}

link_command() {
    mkdir -p "$bin"
    ln -sfn "$venv/bin/scheduled" "$bin/scheduled"
}

# --- install.sh --uninstall, --purge ------------------------------------------------------------------------

# With the checkout's own code, which needs no packages for this: the environment may be broken.
uninstall_for_user() {
    need home
    if command -v crontab >/dev/null; then
        from_checkout -c 'import sys
from pathlib import Path
from scheduled.errors import ScheduledError
from scheduled.install import crontab
try:
    done = crontab.uninstall(state=Path(sys.argv[1]))
except ScheduledError as error:
    sys.exit(f"install.sh: {error}")
print("removed the crontab block" if done.changed else "there was no crontab block")' "$state"
    fi
    from_checkout -m scheduled.install.starter remove
    if [ "$(readlink "$bin/scheduled" 2>/dev/null)" = "$data/venv/bin/scheduled" ]; then
        rm "$bin/scheduled"
    fi
    rm -rf "$data/venv" "$data/venv.tmp" "$data/venv.log"
    rmdir "$data" 2>/dev/null || true
    say "removed $data and $bin/scheduled"
    if [ -n "$purge" ]; then purge_state; else say "kept $state (--purge removes it too)"; fi
}

from_checkout() {
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$checkout "$python" "$@"
}

# Only a directory that is called what ours is called: SCHEDULED_STATE may name anything.
purge_state() {
    [ -e "$state" ] || return 0
    [ "$(basename "$state")" = scheduled ] || die "kept $state: it is not called scheduled, remove it yourself"
    rm -rf "$state"
    say "removed $state"
}

# --- the command line ---------------------------------------------------------------------------------------

action=install_for_user workspace='' every='' no_cron='' purge=''
while [ $# -gt 0 ]; do
    case $1 in
    --try) action=try ;;
    --uninstall) action=uninstall_for_user ;;
    --purge) action=uninstall_for_user purge=1 ;;
    --no-cron) no_cron=1 ;;
    --workspace | --every)
        [ $# -gt 1 ] || code=2 die "$1 needs a value"
        if [ "$1" = --every ]; then every=$2; else workspace=$2; fi
        shift
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) code=2 die "unknown argument $1; see --help" ;;
    esac
    shift
done

if [ -n "$workspace" ] && [ ! -d "$workspace" ]; then
    code=2 die "--workspace $workspace: there is no such directory"
fi
python=$(find_python)
data=$(xdg "${XDG_DATA_HOME:-}" "${HOME:-}/.local/share")
state=${SCHEDULED_STATE:-$(xdg "${XDG_STATE_HOME:-}" "${HOME:-}/.local/state")}
bin=${HOME:-}/.local/bin
"$action"
