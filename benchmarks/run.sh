#!/bin/sh
# Install a wheel of this checkout, the compared programs and matplotlib into .venv-bench, then measure:
# `benchmarks/run.sh [--quick] [--gate] [ROW ...]`. `--help` lists the rows.
set -eu

# The compared programs, GNU time, which measures memory, and strace, which counts fsyncs.
packages="anacron jq strace time"
peers="croniter==6.* APScheduler==3.*"

cd "$(dirname "$0")/.."
venv=$PWD/.venv-bench

log() { printf 'benchmarks/run.sh: %s\n' "$*" >&2; }

die() {
    log "$*"
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

debian_packages() {
    wanted=''
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || wanted="$wanted $package"
    done
    [ -n "$wanted" ] || return 0
    log "installing$wanted"
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"' sh $wanted >/dev/null </dev/null ||
        die "apt-get could not install$wanted; install it manually"
}

find_python() {
    for name in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        found=$(command -v "$name" 2>/dev/null) || continue
        if "$found" -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$found"
            return
        fi
    done
    die 'Python 3.11 or newer with venv is missing (Debian, Ubuntu: apt-get install python3-venv)'
}

pip() { "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }

# Print the inputs of the environment: while they are unchanged, nothing is installed.
recipe() {
    "$python" -VV
    printf '%s\n' "$peers" "$PWD"
    cat pyproject.toml
}

environment() {
    if [ -x "$venv/bin/python" ] && recipe | cmp -s - "$venv/recipe"; then return; fi
    log "creating $venv"
    "$python" -m venv --clear "$venv"
    # shellcheck disable=SC2086 # a list of words
    pip $peers matplotlib 'setuptools>=77' wheel . || die "pip could not install the packages of the benchmarks into $venv (see above)"
    recipe >"$venv/recipe"
}

# Measure the program as a user installs it: the compiled wheel, without the import hook of an editable install.
program() {
    sources=$(find scheduled handlers state install -type f ! -name '*.pyc' -exec sha256sum {} + | sort | sha256sum)
    [ "$sources" = "$(cat "$venv/sources" 2>/dev/null)" ] && return
    rm -rf build
    pip --no-deps --no-build-isolation --force-reinstall . || die 'pip could not build the wheel (see above)'
    rm -rf build
    printf '%s\n' "$sources" >"$venv/sources"
}

case ${1:-} in
-h | --help) ;;
*)
    # shellcheck disable=SC2086 # a list of words
    debian_packages $packages
    ;;
esac
python=$(find_python)
environment
program
unset PYTHONPATH PYTHONHOME XDG_CONFIG_HOME XDG_STATE_HOME SCHEDULED_CONFIG SCHEDULED_STATE
exec "$venv/bin/python" -m benchmarks "$@"
