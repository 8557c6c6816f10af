#!/bin/sh
# Install whatever the tests need into .venv-tests, then run them all: `tests/run.sh [pytest arguments]`.
# A second run finds everything there and starts at once. EXTRAS (default "test") names the extras of
# pyproject.toml to install, MORE_PACKAGES more of Debian's packages, VENV another environment than .venv-tests.
set -eu

# What the `system` tests use: a real cron, a fake clock, namespaces to seal them off, and a look at syscalls; a
# compiler for what counts the calls of a process, and lets them fail; a formatter for the manual page; a session bus
# with its tools; a browser.
packages="cron faketime util-linux strace gcc libc6-dev groff-base dbus-daemon dbus-bin libglib2.0-bin systemd openssl \
    chromium ${MORE_PACKAGES:-}"
extras=${EXTRAS:-test}

cd "$(dirname "$0")/.."
venv=${VENV:-$PWD/.venv-tests}

say() { printf 'tests/run.sh: %s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

can_be_root() { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }

absent() {
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || printf '%s ' "$package"
    done
}

# Given packages, install those that are absent; fails, having said so, if that can't be done.
debian_packages() {
    wanted=$(absent "$@")
    [ -n "$wanted" ] || return 0
    if ! command -v apt-get >/dev/null || ! can_be_root; then
        say "can't install $wanted: needs apt-get, and root or sudo without a password"
        return 1
    fi
    say "installing $wanted"
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"' sh $wanted >/dev/null </dev/null || {
        say "apt-get could not install $wanted"
        return 1
    }
}

find_python() {
    for name in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        found=$(command -v "$name" 2>/dev/null) || continue
        if "$found" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$found"
            return
        fi
    done
    die 'missing: Python 3.11 or newer (Debian, Ubuntu: apt-get install python3 python3-venv)'
}

need_venv() {
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    debian_packages "$package" && "$python" -c 'import ensurepip, venv' && return
    die "missing: the venv module (Debian, Ubuntu: apt-get install $package)"
}

# What the environment was made from: as long as that is the same, there is nothing to install.
recipe() {
    printf '%s\n' "$extras" "$PWD"
    "$python" -VV
    cat pyproject.toml
}

# An environment that holds more than is asked for will do.
more_than_asked() {
    case $(head -n 1 "$venv/recipe" 2>/dev/null) in
    "$extras",*) head -n 1 "$venv/recipe" ;;
    *) printf '%s\n' "$extras" ;;
    esac
}

environment() {
    extras=$(more_than_asked)
    if [ -x "$venv/bin/python" ] && recipe | cmp -s - "$venv/recipe"; then return; fi
    need_venv
    say "making $venv"
    rm -f "$venv/recipe"
    "$python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[$extras]" ||
        die 'pip could not install what the tests need (see above): is there a network?'
    recipe >"$venv/recipe"
}

python=$(find_python)
environment
# shellcheck disable=SC2086 # a list of words
debian_packages $packages || say '!!! THE TESTS MARKED "system" (a real cron, a real crontab) WILL BE SKIPPED !!!'
[ "$(id -u)" -eq 0 ] || say '!!! NOT ROOT: THE TESTS MARKED "system" WILL BE SKIPPED !!!'

# A home of their own: no test can meet what belongs to the one who runs them.
home=$venv/home
rm -rf "$home"
mkdir "$home"
unset XDG_CONFIG_HOME XDG_STATE_HOME XDG_DATA_HOME XDG_CACHE_HOME SCHEDULED_CONFIG SCHEDULED_STATE
# At night everything is tried, and a single test may take hours.
[ -z "${SCHEDULED_NIGHTLY:-}" ] || export PYTEST_TIMEOUT=14400
HOME=$home exec "$venv/bin/python" -m pytest -n 2 --dist loadgroup "$@"
