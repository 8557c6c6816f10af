#!/bin/sh
# Set `scheduled` up for the user who runs this. Needs Python >= 3.11 with venv, and nothing else.
#
#   install.sh --try                    show it at work inside this checkout; nothing outside is touched
#   install.sh [--workspace DIR] [--every MINUTES] [--with EXTRAS] [--no-cron]
#                                       the real thing: program, command, starter config, crontab, first run;
#                                       EXTRAS: any of web,mcp,dbus
#   install.sh --uninstall              take all of that back, but for the state and what you have edited
#   install.sh --purge                  and the state too
set -eu
mask=$(umask)
umask 077

checkout=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd -P)
me=$(id -un 2>/dev/null) || me="user $(id -u)"
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
            need_own_home
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

# The files that are installed, and the crontab, belong to the user who runs this.
need_own_home() {
    owner=$(owner_of "$HOME") || die "missing: HOME is $HOME, and there is no such directory"
    if [ "$owner" != "$me" ]; then
        die "HOME is $HOME, which belongs to $owner, and this runs as $me:" \
            "run it as $owner, without sudo (or with HOME set to a home of $me's own)"
    fi
}

# Given a path, print the name of its owner, as `$me` has it.
owner_of() {
    found=$(stat -L -c %U "$1" 2>/dev/null) || return 1
    [ "$found" != UNKNOWN ] || found="user $(stat -L -c %u "$1")"
    printf '%s\n' "$found"
}

# Given what is done (Installing), print the user it is done for.
for_whom() {
    say "$1 for $me, in $data"
    if [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != "$me" ]; then
        say "(to install for $SUDO_USER, run it without sudo)"
    fi
}

# The XDG specification: a relative path is to be ignored.
xdg() {
    case $1 in
    /*) printf '%s/scheduled\n' "$1" ;;
    *) printf '%s/scheduled\n' "$2" ;;
    esac
}

# --- the program in a private environment -----------------------------------------------------------------

# Given a directory for the environment and one that may be written beside it, make the environment. Temporary files
# and the log of a failure stay in the second: nothing is left anywhere else.
make_environment() {
    venv=$1 beside=$2
    mkdir -p "$(dirname "$venv")" "$beside"
    TMPDIR=$(mktemp -d "$beside/tmp.XXXXXX")
    export TMPDIR
    trap 'rm -rf "$TMPDIR" ${unfinished:+"$unfinished"}' EXIT
    trap 'exit 130' INT TERM HUP
    log=$beside/install.log
    # What pip, or a shell, was set to for other work must not decide what is installed here.
    unset PYTHONPATH PYTHONHOME
    if ! [ -e "$venv/installed-by" ] || ! "$venv/bin/python" -I -c 'import pip' 2>/dev/null; then
        "$python" -m venv --clear "$venv" >"$log" 2>&1 ||
            die "no environment could be made in $venv: $(tail -n 1 "$log"); details in $log"
    fi
    rm -f "$venv/installed-by" # until it is whole
    install_package
    [ -z "$extras" ] || again="$again --with $extras"
    printf '%s\n' "$again" >"$venv/installed-by"
    write_command
}

# In the place of pip's, which ends in a traceback once an upgrade of the system has put another Python under it.
write_command() {
    main=$("$venv/bin/python" -I -c 'import scheduled.__main__; print(scheduled.__main__.__file__)')
    interpreter=$(quoted "$venv/bin/python")
    start=$(quoted "$venv/bin/python" -I "$main")
    gone=$(quoted "scheduled: the Python that it was installed for is gone (was the system upgraded?); run $again")
    cat >"$TMPDIR/command" <<EOF
#!/bin/sh
[ -x $interpreter ] || {
    printf '%s\\n' $gone >&2
    exit 1
}
exec $start "\$@"
EOF
    chmod 755 "$TMPDIR/command"
    mv "$TMPDIR/command" "$venv/bin/scheduled"
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
        "$venv/bin/python" -m pip install --quiet --retries 2 "$TMPDIR/source${extras:+[$extras]}" >"$log" 2>&1 ||
        explain_pip
    rm -f "$log"
}

explain_pip() {
    if grep -qE 'name resolution|Network is unreachable|ConnectionError|ConnectTimeout|No matching distribution' "$log"; then
        die "missing: a network, or a package index that pip can reach; details in $log"
    fi
    compiler="'?[a-z0-9_-]*(gcc|cc|clang)'?"
    if grep -qE "$compiler failed: No such file|No such file or directory: $compiler|Python\.h: No such" "$log"; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        die "missing: a C compiler and Python's headers, since a library has no ready-made package for this machine" \
            "($(uname -m)) (Debian, Ubuntu: sudo apt-get install gcc libc6-dev python$version-dev); details in $log"
    fi
    die "pip failed: $(grep -i error "$log" | grep -vm 1 subprocess-exited-with-error || tail -n 1 "$log"); details in $log"
}

# --- install.sh --try ---------------------------------------------------------------------------------------

try() {
    need venv
    if [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != "$me" ] && [ "$(owner_of "$checkout")" = "$SUDO_USER" ]; then
        die "$checkout belongs to $SUDO_USER, and this runs as $me: run it as $SUDO_USER, without sudo"
    fi
    demo=$checkout/.try
    keep_extras "$checkout/.venv"
    say "Installing into $checkout/.venv ..."
    make_environment "$checkout/.venv" "$demo"
    rm -rf "$demo"
    mkdir "$demo"
    "$venv/bin/python" -I -m scheduled.install.demo "$demo" || die "the demo could not be made in $demo"
    say "A demo workspace is in $demo: its machine has slept for a day. Catching up:"
    set -- "$venv/bin/scheduled" --config "$demo/scheduled.toml" --state "$demo/state"
    ran=0
    (umask "$mask" && unset TMPDIR && exec "$@" run --verbose) || ran=$?
    say ''
    say 'The report of the day it caught up with:'
    find "$demo/state" -path '*/reports/*' \( -name '*.md' -o -name '*.html' \) | sort | sed 's/^/  /'
    say ''
    say 'Look around with:'
    say "  $(quoted "$@") status"
    return "$ran"
}

# Given words, print them as a shell reads them.
quoted() {
    "$python" -c 'import shlex, sys; print(shlex.join(sys.argv[1:]))' "$@"
}

# --- install.sh ---------------------------------------------------------------------------------------------

install_for_user() {
    if [ -n "$no_cron" ]; then need home venv; else need home venv cron; fi
    need_command_free
    for_whom Installing
    alone
    keep_extras "$data/venv"
    # Beside the one before, which works until this one does: a tick may be under way in it.
    unfinished=$data/venv-$(date -u +%Y%m%dT%H%M%SZ)-$$
    make_environment "$unfinished" "$data"
    take_its_place
    link_command
    "$venv/bin/python" -I -m scheduled.install.starter write ${workspace:+"$workspace"}
    [ -n "$no_cron" ] || "$venv/bin/scheduled" install ${every:+--every "$every"} 9>&-
    ran=0
    (umask "$mask" && unset TMPDIR && exec "$venv/bin/scheduled" run 9>&-) || ran=$?
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
    if [ -e "$bin/scheduled" ] && ! is_our_command; then
        die "$bin/scheduled is there already and is not ours: remove it first"
    fi
}

# A link into another HOME, or another XDG_DATA_HOME, is ours too: this one was copied, or that one changed.
is_our_command() {
    case $(readlink "$bin/scheduled") in
    */scheduled/venv/bin/scheduled) ;;
    *) return 1 ;;
    esac
}

link_command() {
    mkdir -p "$bin"
    ln -sfn "$data/venv/bin/scheduled" "$bin/scheduled"
}

# Given the environment of before: the extras that it had, the new one gets too.
keep_extras() {
    for pair in web:uvicorn mcp:mcp dbus:dbus_fast; do
        for place in "$1"/lib/python3*/site-packages/"${pair#*:}"; do
            case ,$extras, in *",${pair%:*},"*) continue ;; esac
            [ ! -d "$place" ] || extras=${extras:+$extras,}${pair%:*}
        done
    done
    [ -z "$extras" ] || say "with $extras"
}

# Name the packages that a person installed into the environment of before: handlers of their own, for instance.
name_what_is_missing() {
    [ -n "$before" ] || return 0
    missing=$("$venv/bin/python" -I -c 'import sys
from importlib.metadata import distributions
from pathlib import Path
names = lambda places: {found.metadata["Name"] for found in distributions(path=[str(place) for place in places])}
old, new = (names(Path(place).glob("lib/python3*/site-packages")) for place in sys.argv[1:])
ours = {"pip", "setuptools", "wheel", "scheduled-cron", "scheduled"}  # the last is its former name
print(" ".join(sorted(old - new - ours)))' "$data/$before" "$venv") || missing=''
    [ -z "$missing" ] || say "not in the new environment, but in the one before: $missing; what you need of them:" \
        "$(quoted "$venv/bin/python" -m pip install) NAME"
}

# Hold a lock until this script ends; what it starts and leaves running must not inherit it (9>&-).
alone() {
    [ "$action" = install_for_user ] || [ -d "$data" ] || return 0
    mkdir -p "$data"
    command -v flock >/dev/null || return 0
    exec 9>"$data/install.lock"
    flock -n 9 || die "another install.sh is at work in $data: try again when it is done"
    rm -rf "$data"/tmp.* # of one that was killed
}

# Make the link `venv` lead to the new environment, and remove those that nothing needs any more.
take_its_place() {
    before=$(readlink "$data/venv") || before=''
    if [ -z "$before" ] && [ -d "$data/venv" ]; then # as earlier versions of this script made it
        before=venv-of-before-$$
        mv "$data/venv" "$data/$before"
    fi
    name_what_is_missing
    ln -s "$(basename "$venv")" "$TMPDIR/venv"
    unfinished=''
    mv -T "$TMPDIR/venv" "$data/venv"
    [ -z "$no_cron" ] || return 0 # what the crontab calls is not looked at
    used=$(crontab -l 2>/dev/null) || return 0
    for old in "$data"/venv-*; do
        case $used in *"/$(basename "$old")/"*) continue ;; esac
        [ "$old" = "$venv" ] || [ "$old" = "$data/$before" ] || is_in_use "$old" || rm -rf "$old"
    done
}

# Succeed if a process runs the Python in an environment: a tick, a web interface.
is_in_use() {
    # shellcheck disable=SC2062 # the names of files, not the pattern
    printf '%s\n' "$1/" | grep -aqsF -f - /proc/[0-9]*/cmdline
}

# --- install.sh --uninstall, --purge ------------------------------------------------------------------------

# With the checkout's own code, which needs no packages for this: the environment may be broken.
uninstall_for_user() {
    need home
    for_whom Uninstalling
    alone
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
    if is_our_command; then
        rm "$bin/scheduled"
        say "removed $bin/scheduled"
    fi
    [ ! -e "$data" ] || say "removed the program in $data"
    rm -rf "$data/venv" "$data"/venv-* "$data"/tmp.* "$data/install.log" "$data/install.lock"
    rmdir "$data" 2>/dev/null || true
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

unfinished='' action=install_for_user workspace='' every='' asked='' extras='' no_cron='' purge=''
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
        --with) asked=$asked,$2 ;;
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
    code=2 die "--workspace $workspace: there is no such directory"
fi
set -f # a `*` is no extra, whatever files there are
for extra in $(printf '%s' "$asked" | tr , ' '); do
    case $extra in
    web | mcp | dbus) case ,$extras, in *",$extra,"*) ;; *) extras=${extras:+$extras,}$extra ;; esac ;;
    *) code=2 die "--with $extra: there is no such extra; write any of web,mcp,dbus" ;;
    esac
done
set +f
python=$(find_python)
data=$(xdg "${XDG_DATA_HOME:-}" "${HOME:-}/.local/share")
state=${SCHEDULED_STATE:-$(xdg "${XDG_STATE_HOME:-}" "${HOME:-}/.local/state")}
bin=${HOME:-}/.local/bin
again=$(quoted "$checkout/install/install.sh")
[ "$action" != try ] || again="$again --try"
[ -z "$no_cron" ] || again="$again --no-cron"
"$action"
