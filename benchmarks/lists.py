"""Row `lists`: what 10,000 jobs will do, without a terminal."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.fixtures import Runtime
from benchmarks.measure import Figure, NotDoneError, Work, compare

HERE = Path(__file__).with_name("forecasting.py")


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare each list with a script that lists the runs of a day with croniter."""
    jobs, runs = (2_000, 3) if quick else (10_000, 9)
    expressions = [f"{n % 60} {n // 60 % 24} * * *" for n in range(jobs)]
    root.mkdir(parents=True, exist_ok=True)
    listed = root / "expressions"
    listed.write_text("\n".join(expressions))
    runtime = Runtime(root / "runtime", _configuration(expressions))
    runtime.tick()
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
    span = ["--from", day.isoformat(), "--to", (day + timedelta(days=1)).isoformat()]
    script = Work("a script with croniter", [[sys.executable, str(HERE), str(listed), day.isoformat()]])
    for words in (["forecast", *span], ["run", "--dry-run"], ["jobs"], ["next"], ["check"], ["status"]):
        least = jobs if words[0] in ("forecast", "jobs") else 1
        label = f"`{words[0]}{' --dry-run' * (words[0] == 'run')}`, {jobs:,} jobs"
        work = runtime.work(label, *words, check=_lines(least))
        compared = words[0] in ("forecast", "run")  # the script does the work of these
        yield compare("lists", work, script, limit=1.0 if compared else float("inf"), gate=4.0, runs=runs)


def _configuration(expressions: list[str]) -> str:
    tables = (f'[jobs.j{n}]\ncron = "{cron}"\ncommand = ["true"]\n' for n, cron in enumerate(expressions))
    return f'timezone = "UTC"\n{"".join(tables)}'


def _lines(least: int) -> Callable[[str], None]:
    def check(printed: str) -> None:
        if printed.count("\n") < least:
            raise NotDoneError(f"{printed.count(chr(10))} lines, not {least}")

    return check
