# The steps of .ci/run, one by one. `just` lists them.

bin := ".venv-tests/bin"

default:
    @just --list

# Install what the tests need and run all tests; `just test -k crontab` runs a selection.
test *arguments:
    EXTRAS=test,lint tests/run.sh {{arguments}}

# Run the tests that depend most on the Python version on every other Python from 3.11 on this machine.
pythons *arguments:
    tests/pythons.sh {{arguments}}

lint:
    {{bin}}/ruff check .
    {{bin}}/ruff format --check .
    {{bin}}/lint-imports
    shellcheck install/install.sh tests/run.sh tests/pythons.sh benchmarks/run.sh .ci/run .ci/vendor .ci/lock

format:
    {{bin}}/ruff check --fix .
    {{bin}}/ruff format .

types:
    {{bin}}/mypy
    PYRIGHT_PYTHON_GLOBAL_NODE=1 {{bin}}/pyright --pythonpath {{bin}}/python

# Build the wheel and compare it with the source tree.
wheel:
    {{bin}}/python -m pytest -q tests/e2e/packaging/test_wheel.py
    {{bin}}/python -m build

# Compare with similar programs; `just bench idle plan` measures some rows, `just bench --gate` runs the check of CI.
bench *arguments:
    benchmarks/run.sh {{arguments}}

ci:
    .ci/run
