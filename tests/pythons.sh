#!/usr/bin/env bash
# Run the tests that depend most on the version of Python on every Python from 3.11 on this machine, except the one of
# .venv-tests: `tests/pythons.sh [pytest arguments]`. They use time zone data without future clock changes, which a government may
# still move, and without the parts that distributions build differently.
set -euo pipefail
cd "$(dirname "$0")/.."

tested=$PWD/.venv-tests
zones=$tested/zoneinfo

# Given an interpreter, print its version and its path if it is new enough.
identify() {
    "$1" -c 'import sys
if sys.version_info >= (3, 11) and sys.version_info.releaselevel == "final":
    print("%d.%d.%d" % sys.version_info[:3], sys.executable)' 2>/dev/null || true
}

pythons() {
    { type -ap python3 python3.{11..19} || true; } 2>/dev/null
    printf '%s\n' "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/*/bin/python3
}

[ -x "$tested/bin/python" ] || tests/run.sh --collect-only -q >/dev/null
rm -rf "$zones"
"$tested/bin/python" tests/fixtures/zone_files.py "$zones"
read -r main _ <<<"$(identify "$tested/bin/python")"

arguments=("$@")
(($#)) || arguments=(-q tests/unit tests/contract tests/e2e/{execution,install,packaging,state})
failed=() ran=()
while read -r version python; do
    [ "$version" != "$main" ] || continue
    echo "== Python $version ($python)"
    ran+=("$version")
    VENV=$tested-$version EXTRAS=test PYTHON=$python PYTHONTZPATH=$zones \
        tests/run.sh "${arguments[@]}" </dev/null || failed+=("$version")
done < <(pythons | while read -r python; do identify "$python"; done | sort -u -k 1,1)

if ((${#ran[@]} == 0)); then
    echo "!!! NOT RUN: this machine has no Python from 3.11 other than $main !!!"
elif ((${#failed[@]})); then
    echo "FAILED on Python: ${failed[*]}"
    exit 1
fi
