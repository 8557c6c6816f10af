#!/bin/sh
# Install what the tests need into .venv-tests, then run all tests: `tests/run.sh [pytest arguments]`.
# A second run installs nothing and starts at once. EXTRAS: the extras of pyproject.toml to install (default "test").
# MORE_PACKAGES: further Debian packages. VENV: the virtual environment to use instead of .venv-tests.
set -eu

# The `system` tests use a real cron, a fake clock, namespaces that isolate them, strace, a compiler for the library
# that counts system calls and makes them fail and for the parser of Debian's cron, which is downloaded as a source
# package, a formatter for the manual page, a session bus with its tools, a browser, and promtool (in `prometheus`).
packages="cron faketime util-linux strace gcc libc6-dev patch xz-utils groff-base dbus-daemon dbus-bin libglib2.0-bin \
    systemd openssl chromium prometheus ${MORE_PACKAGES:-}"
extras=${EXTRAS:-test}

cd "$(dirname "$0")/.."
venv=${VENV:-$PWD/.venv-tests}

log() { printf 'tests/run.sh: %s\n' "$*" >&2; }

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

can_be_root() { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }

absent() {
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || printf '%s ' "$package"
    done
}

# Install those of the given packages that are absent. If that is not possible, log why and fail.
debian_packages() {
    wanted=$(absent "$@")
    [ -n "$wanted" ] || return 0
    if ! command -v apt-get >/dev/null || ! can_be_root; then
        log "can't install $wanted: this needs apt-get, and root or sudo without a password"
        return 1
    fi
    log "installing $wanted"
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"' sh $wanted >/dev/null </dev/null || {
        log "apt-get could not install $wanted"
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

# Print the inputs of the environment. While they are unchanged, nothing has to be installed.
recipe() {
    printf '%s\n' "$extras" "$PWD"
    "$python" -VV
    cat pyproject.toml
}

# Print the extras to install. An environment that already has more extras is kept as it is.
extras_to_install() {
    case $(head -n 1 "$venv/recipe" 2>/dev/null) in
    "$extras",*) head -n 1 "$venv/recipe" ;;
    *) printf '%s\n' "$extras" ;;
    esac
}

environment() {
    extras=$(extras_to_install)
    if [ -x "$venv/bin/python" ] && recipe | cmp -s - "$venv/recipe"; then return; fi
    need_venv
    log "creating $venv"
    rm -f "$venv/recipe"
    "$python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[$extras]" ||
        die 'pip could not install what the tests need (see above); check the network connection'
    recipe >"$venv/recipe"
}

python=$(find_python)
environment
# shellcheck disable=SC2086 # a list of words
debian_packages $packages || log '!!! THE TESTS MARKED "system" (a real cron, a real crontab) WILL BE SKIPPED !!!'
[ "$(id -u)" -eq 0 ] || log '!!! NOT ROOT: THE TESTS MARKED "system" WILL BE SKIPPED !!!'

# The tests get their own HOME, so that they can't reach files of the user who runs them.
home=$venv/home
rm -rf "$home"
mkdir "$home"
unset XDG_CONFIG_HOME XDG_STATE_HOME XDG_DATA_HOME XDG_CACHE_HOME SCHEDULED_CONFIG SCHEDULED_STATE
# A nightly run tests every case, and a single test may take hours.
[ -z "${SCHEDULED_NIGHTLY:-}" ] || export PYTEST_TIMEOUT=14400
HOME=$home exec "$venv/bin/python" -m pytest -n 2 --dist loadgroup "$@"
