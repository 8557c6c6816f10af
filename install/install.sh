#!/bin/sh
# Install `scheduled` for the current user. Only Python >= 3.11 with venv is required.
#
#   install.sh --try                    run a demo inside this checkout; nothing outside it is changed
#   install.sh [--workspace DIR] [--every MINUTES] [--with EXTRAS] [--no-cron]
#                                       install the program, its command, a starter configuration and the
#                                       crontab block, and run it once; EXTRAS: any of web,mcp,dbus,notify
#   install.sh --uninstall              remove all of that, except the state and a configuration that you edited
#   install.sh --purge                  remove the state, too
set -eu
mask=$(umask)
umask 077

checkout=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd -P)
me=$(id -un 2>/dev/null) || me="user $(id -u)"
log=/dev/null

info() { printf '%s\n' "$*"; }

die() {
    printf 'install.sh: %s\n' "$*" >&2
    exit "${code:-1}"
}

usage() {
    sed -n '/^#!/d; /^#/!q; s/^# \{0,1\}//p' "$0"
}

# --- requirements ----------------------------------------------------------------------------------------

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

# Exit with a message that names everything that is missing of the arguments (home, venv, cron), and how to install it.
require() {
    absent='' packages=''
    for thing in "$@"; do
        case $thing in
        home)
            case ${HOME:-} in
            /*) ;;
            *) die 'missing: HOME is not set to an absolute path; set it to your home directory' ;;
            esac
            require_own_home
            ;;
        venv)
            "$python" -c 'import ensurepip, venv' 2>/dev/null && continue
            version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
            absent="$absent, the venv module of Python $version" packages="$packages python$version-venv"
            ;;
        cron)
            command -v crontab >/dev/null && continue
            absent="$absent, cron (or use --no-cron)" packages="$packages cron"
            ;;
        esac
    done
    [ -z "$absent" ] || die "missing: ${absent#, } (Debian, Ubuntu: sudo apt-get install$packages)"
}

# Exit if HOME belongs to another user: the files and the crontab would then have different owners.
require_own_home() {
    owner=$(owner_of "$HOME") || die "missing: HOME is $HOME, but there is no such directory"
    if [ "$owner" != "$me" ]; then
        die "HOME is $HOME, which belongs to $owner, but this script runs as $me:" \
            "run it as $owner, without sudo (or set HOME to a directory that belongs to $me)"
    fi
}

# Print the owner of the path $1, in the form of `$me`.
owner_of() {
    found=$(stat -L -c %U "$1" 2>/dev/null) || return 1
    [ "$found" != UNKNOWN ] || found="user $(stat -L -c %u "$1")"
    printf '%s\n' "$found"
}

# Print the operation $1 (for example Installing) with its user and directory.
print_user() {
    info "$1 for $me, in $data"
    if [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != "$me" ]; then
        info "(to install for $SUDO_USER, run it without sudo)"
    fi
}

# Print the path of the directory scheduled in $1, or in $2 if $1 is not an absolute path: the XDG specification
# requires that relative paths are ignored.
xdg() {
    case $1 in
    /*) printf '%s/scheduled\n' "$1" ;;
    *) printf '%s/scheduled\n' "$2" ;;
    esac
}

# --- the program in its own virtual environment -----------------------------------------------------------

# Create the virtual environment $1. Temporary files, and the log of a failure, are written only to the directory $2.
make_environment() {
    venv=$1 scratch=$2
    mkdir -p "$(dirname "$venv")" "$scratch"
    TMPDIR=$(mktemp -d "$scratch/tmp.XXXXXX")
    export TMPDIR
    trap 'rm -rf "$TMPDIR" ${unfinished:+"$unfinished"}' EXIT
    trap 'exit 130' INT TERM HUP
    log=$scratch/install.log
    # Settings of the user's shell for other projects must not change what is installed here.
    unset PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_ROOT PIP_REQUIREMENT PIP_CONSTRAINT
    if ! [ -e "$venv/installed-by" ] || ! "$venv/bin/python" -I -c 'import pip' 2>/dev/null; then
        "$python" -m venv --clear "$venv" >"$log" 2>&1 ||
            die "$venv: the virtual environment can't be created: $(tail -n 1 "$log"); details in $log"
    fi
    rm -f "$venv/installed-by" # this file marks a complete environment
    install_package
    [ -z "$extras" ] || reinstall="$reinstall --with $extras"
    printf '%s\n' "$reinstall" >"$venv/installed-by"
    write_command
}

# Replace the command that pip wrote: it fails with a traceback after a system upgrade to another version of Python.
write_command() {
    main=$("$venv/bin/python" -I -c 'import scheduled.__main__; print(scheduled.__main__.__file__)')
    interpreter=$(quoted "$venv/bin/python")
    start=$(quoted "$venv/bin/python" -I "$main")
    error=$(quoted "scheduled: the Python that it was installed for is gone (was the system upgraded?); run $reinstall")
    cat >"$TMPDIR/command" <<EOF
#!/bin/sh
[ -x $interpreter ] || {
    printf '%s\\n' $error >&2
    exit 1
}
exec $start "\$@"
EOF
    chmod 755 "$TMPDIR/command"
    mv "$TMPDIR/command" "$venv/bin/scheduled"
}

# Install the versions of install/requirements, and no file with another hash than listed there. The package itself is
# installed from a copy: the build writes no files into the checkout and reads none of an earlier build, and the installed
# program does not depend on the checkout.
install_package() {
    mkdir "$TMPDIR/source"
    for part in pyproject.toml README.md LICENSE scheduled handlers state install docs; do
        cp -RP "$checkout/$part" "$TMPDIR/source/"
    done
    locked=$checkout/install/requirements
    pip_install --require-hashes --target "$TMPDIR/build" --requirement "$locked/build.txt"
    set -- --requirement "$locked/base.txt"
    for extra in $(printf '%s' "$extras" | tr , ' '); do set -- "$@" --requirement "$locked/$extra.txt"; done
    pip_install --require-hashes --no-build-isolation "$@"
    pip_install --no-deps --no-index --no-build-isolation "$TMPDIR/source"
    rm -f "$log"
}

# Run `pip install` in the new environment. A library without a wheel is built with the locked tools, not with the newest.
pip_install() {
    # These variables override the user's settings of pip: the packages must be installed in this environment.
    PIP_USER=0 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PYTHONNOUSERSITE=1 \
        PYTHONPATH=$TMPDIR/build \
        "$venv/bin/python" -m pip install --quiet --retries 2 "$@" >"$log" 2>&1 || explain_pip
}

explain_pip() {
    if grep -q 'DO NOT MATCH THE HASHES' "$log"; then
        die "a package is not the one that install/requirements lists (its hash differs), and nothing was installed:" \
            "is another package index set in pip's configuration? details in $log"
    fi
    if grep -qE 'name resolution|Network is unreachable|ConnectionError|ConnectTimeout|No matching distribution' "$log"; then
        die "missing: a network connection, or a package index that pip can reach; details in $log"
    fi
    compiler="'?[a-z0-9_-]*(gcc|cc|clang)'?"
    if grep -qE "$compiler failed: No such file|No such file or directory: $compiler|Python\.h: No such" "$log"; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        die "missing: a C compiler and the headers of Python, because a library has no wheel for this machine" \
            "($(uname -m)) (Debian, Ubuntu: sudo apt-get install gcc libc6-dev python$version-dev); details in $log"
    fi
    die "pip failed: $(grep -i error "$log" | grep -vm 1 subprocess-exited-with-error || tail -n 1 "$log"); details in $log"
}

# --- install.sh --try ---------------------------------------------------------------------------------------

try() {
    require venv
    if [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != "$me" ] && [ "$(owner_of "$checkout")" = "$SUDO_USER" ]; then
        die "$checkout belongs to $SUDO_USER, but this script runs as $me: run it as $SUDO_USER, without sudo"
    fi
    demo=$checkout/.try
    keep_extras "$checkout/.venv"
    info "Installing into $checkout/.venv ..."
    make_environment "$checkout/.venv" "$demo"
    rm -rf "$demo"
    mkdir "$demo"
    "$venv/bin/python" -I -m scheduled.install.demo "$demo" || die "$demo: the demo can't be created"
    info "A demo workspace is in $demo. Its machine was off for a day. Catching up:"
    set -- "$venv/bin/scheduled" --config "$demo/scheduled.toml" --state "$demo/state"
    ran=0
    (umask "$mask" && unset TMPDIR && exec "$@" run --verbose) || ran=$?
    info ''
    info 'The daily report of the day that was caught up on:'
    find "$demo/state" -path '*/reports/*' \( -name '*.md' -o -name '*.html' \) | sort | sed 's/^/  /'
    info ''
    info 'To see more, run:'
    info "  $(quoted "$@") status"
    return "$ran"
}

# Print the arguments quoted for a shell.
quoted() {
    "$python" -c 'import shlex, sys; print(shlex.join(sys.argv[1:]))' "$@"
}

# --- install.sh ---------------------------------------------------------------------------------------------

install_for_user() {
    if [ -n "$no_cron" ]; then require home venv; else require home venv cron; fi
    require_command_free
    print_user Installing
    take_lock
    keep_extras "$data/venv"
    # A new directory: the former environment stays usable until this one is complete, because a tick may run in it.
    unfinished=$data/venv-$(date -u +%Y%m%dT%H%M%SZ)-$$
    make_environment "$unfinished" "$data"
    activate_environment
    link_command
    "$venv/bin/python" -I -m scheduled.install.starter write ${workspace:+"$workspace"}
    [ -n "$no_cron" ] || "$venv/bin/scheduled" install ${every:+--every "$every"} 9>&-
    ran=0
    (umask "$mask" && unset TMPDIR && exec "$venv/bin/scheduled" run 9>&-) || ran=$?
    if [ "$ran" -eq 0 ]; then
        info "Done. \`scheduled status\` shows what is due; \`scheduled check\` checks the configuration."
    else
        info "The program is installed, but its first run ended with exit code $ran (see the messages above)." \
            "\`scheduled status\` shows what needs your attention."
    fi
    case :$PATH: in
    *:"$bin":*) ;;
    *) info "$bin is not on your PATH yet: log in again, or add it to PATH in ~/.profile." ;;
    esac
    return "$ran"
}

# Exit if the command exists and another installer (pipx, uv) wrote it.
require_command_free() {
    if [ -e "$bin/scheduled" ] && ! is_own_command; then
        die "$bin/scheduled already exists and was not written by install.sh: remove it first"
    fi
}

# Succeed if the command is a link of install.sh, also one into another HOME or XDG_DATA_HOME: the home may have been
# copied, or the variable changed.
is_own_command() {
    case $(readlink "$bin/scheduled") in
    */scheduled/venv/bin/scheduled) ;;
    *) return 1 ;;
    esac
}

link_command() {
    mkdir -p "$bin"
    ln -sfn "$data/venv/bin/scheduled" "$bin/scheduled"
}

# Add the extras that are installed in the former environment $1 to $extras.
keep_extras() {
    for pair in web:uvicorn mcp:mcp dbus:dbus_fast; do
        for place in "$1"/lib/python3*/site-packages/"${pair#*:}"; do
            case ,$extras, in *",${pair%:*},"*) continue ;; esac
            [ ! -d "$place" ] || extras=${extras:+$extras,}${pair%:*}
        done
    done
    [ -z "$extras" ] || info "with $extras"
}

# Print the packages of the former environment that the new one does not have, such as handlers that the user installed.
print_dropped_packages() {
    [ -n "$before" ] || return 0
    missing=$("$venv/bin/python" -I -c 'import sys
from importlib.metadata import distributions
from pathlib import Path
names = lambda places: {found.metadata["Name"] for found in distributions(path=[str(place) for place in places])}
old, new = (names(Path(place).glob("lib/python3*/site-packages")) for place in sys.argv[1:])
ours = {"pip", "setuptools", "wheel", "scheduled-cron", "scheduled"}  # the last is its former name
print(" ".join(sorted(old - new - ours)))' "$data/$before" "$venv") || missing=''
    [ -z "$missing" ] || info "not in the new environment, but in the former one: $missing; install those that you need:" \
        "$(quoted "$venv/bin/python" -m pip install) NAME"
}

# Hold a lock until this script ends. Processes that outlive the script must not inherit the lock (9>&-).
take_lock() {
    [ "$action" = install_for_user ] || [ -d "$data" ] || return 0
    mkdir -p "$data"
    command -v flock >/dev/null || return 0
    exec 9>"$data/install.lock"
    flock -n 9 || die "another install.sh is running in $data: repeat this command when it has finished"
    rm -rf "$data"/tmp.* # left over by an install.sh that was killed
}

# Point the link `venv` to the new environment, and remove the environments that are no longer used.
activate_environment() {
    before=$(readlink "$data/venv") || before=''
    if [ -z "$before" ] && [ -d "$data/venv" ]; then # a directory of an earlier version of this script
        before=venv-of-before-$$
        mv "$data/venv" "$data/$before"
    fi
    print_dropped_packages
    ln -s "$(basename "$venv")" "$TMPDIR/venv"
    unfinished=''
    mv -T "$TMPDIR/venv" "$data/venv"
    [ -z "$no_cron" ] || return 0 # the crontab is not read, so it is unknown which environments it uses
    used=$(crontab -l 2>/dev/null) || return 0
    for old in "$data"/venv-*; do
        case $used in *"/$(basename "$old")/"*) continue ;; esac
        [ "$old" = "$venv" ] || [ "$old" = "$data/$before" ] || is_in_use "$old" || rm -rf "$old"
    done
}

# Succeed if a process, such as a tick or a web interface, runs the Python of the environment $1.
is_in_use() {
    # shellcheck disable=SC2062 # the glob is a list of files, not the pattern
    printf '%s\n' "$1/" | grep -aqsF -f - /proc/[0-9]*/cmdline
}

# --- install.sh --uninstall, --purge ------------------------------------------------------------------------

# Uninstall with the code of the checkout, which needs no packages for this: the environment may be broken.
uninstall_for_user() {
    require home
    print_user Uninstalling
    take_lock
    if command -v crontab >/dev/null; then
        from_checkout -c 'import sys
from pathlib import Path
from scheduled.errors import ScheduledError
from scheduled.install import crontab
try:
    done = crontab.uninstall(state=Path(sys.argv[1]))
except ScheduledError as error:
    sys.exit(f"install.sh: {error}")
print("removed the crontab block" if done.changed else "the crontab has no block of scheduled")' "$state"
    fi
    from_checkout -m scheduled.install.starter remove
    if is_own_command; then
        rm "$bin/scheduled"
        info "removed $bin/scheduled"
    fi
    [ ! -e "$data" ] || info "removed the program in $data"
    rm -rf "$data/venv" "$data"/venv-* "$data"/tmp.* "$data/install.log" "$data/install.lock"
    rmdir "$data" 2>/dev/null || true
    if [ -n "$purge" ]; then purge_state; else info "kept $state (--purge removes it, too)"; fi
}

from_checkout() {
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$checkout "$python" "$@"
}

# Remove the state, but only a directory named scheduled: SCHEDULED_STATE may be the path of any directory.
purge_state() {
    [ -e "$state" ] || return 0
    [ "$(basename "$state")" = scheduled ] || die "kept $state: its name is not scheduled; remove it manually"
    rm -rf "$state"
    info "removed $state"
}

# --- the command line ---------------------------------------------------------------------------------------

unfinished='' action=install_for_user workspace='' every='' requested='' extras='' no_cron='' purge=''
while [ $# -gt 0 ]; do
    case $1 in
    --try) action=try ;;
    --uninstall) action=uninstall_for_user ;;
    --purge) action=uninstall_for_user purge=1 ;;
    --no-cron) no_cron=1 ;;
    --workspace | --every | --with)
        [ $# -gt 1 ] || code=2 die "$1 needs a value"
        case $1 in
        --every) every=$2 ;;
        --with) requested=$requested,$2 ;;
        *) workspace=$2 ;;
        esac
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
    code=2 die "--workspace $workspace: no such directory"
fi
set -f # the shell must not expand `--with '*'` to file names
for extra in $(printf '%s' "$requested" | tr , ' '); do
    case $extra in
    web | mcp | dbus | notify) case ,$extras, in *",$extra,"*) ;; *) extras=${extras:+$extras,}$extra ;; esac ;;
    *) code=2 die "--with $extra: there is no such extra; write any of web,mcp,dbus,notify" ;;
    esac
done
set +f
python=$(find_python)
data=$(xdg "${XDG_DATA_HOME:-}" "${HOME:-}/.local/share")
state=${SCHEDULED_STATE:-$(xdg "${XDG_STATE_HOME:-}" "${HOME:-}/.local/state")}
bin=${HOME:-}/.local/bin
reinstall=$(quoted "$checkout/install/install.sh")
[ "$action" != try ] || reinstall="$reinstall --try"
[ -z "$no_cron" ] || reinstall="$reinstall --no-cron"
"$action"
