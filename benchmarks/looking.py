"""What people ask, of a young ledger and of an old one."""

import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Figure, NotDoneError, Work, compare
from benchmarks.worlds import House, commands, remember

YOUNG, OLD = 1_000, 1_000_000
QUESTIONS = (("status",), ("history", "-n", "20"), ("explain", "j0"))


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare each question asked of a ledger with many runs with the same asked of one with few."""
    old = OLD // 10 if quick else OLD
    houses = [(rows, house_with(root / str(rows), rows)) for rows in (old, YOUNG)]
    for words in QUESTIONS:
        ours, theirs = (asked(house, f"`{' '.join(words)}`, {rows:,} runs", *words) for rows, house in houses)
        yield compare("looking", ours, theirs, limit=1.3, gate=2.0, runs=3 if quick else 15)


def house_with(root: Path, rows: int) -> House:
    """Return a house of ten jobs with a past of *rows* runs."""
    house = House(root, commands(10, 'cron = "0 0 1 1 *"'))
    house.tick()
    remember(house, rows)
    if house.ask("SELECT count(*) FROM runs") != [(rows,)]:
        raise NotDoneError("the past is not there")
    return house


def asked(house: House, label: str, *words: str) -> Work:
    """Return the asking of one question, as a program asks it."""
    return house.work(label, *words, "--json", check=json.loads)
