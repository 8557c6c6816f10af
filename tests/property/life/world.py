"""Random worlds for predictions: jobs with many slots a day and all settings that hold a slot back, drawn from a seed."""

from datetime import UTC, datetime, timedelta

HOUR, DAY = 3600, 86400
EVEN = "even"  # the habit of a job that always takes the same time
ZONES = ("UTC", "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")
BEGINNINGS = (
    "2026-03-07",
    "2026-03-28",
    "2026-05-12",
    "2026-10-24",
    "2026-10-31",
)  # most: before a change of clocks
CRONS = (
    "*/10 * * * *",
    "*/15 * * * *",
    "7,37 * * * *",
    "0 * * * *",
    "12 */2 * * *",
    "30 1-4 * * *",
    "45 8-18/3 * * *",
    "20 22,23,0,1 * * *",
    "0 3 * * *",
    "30 2 * * *",
)
EVERY = ("25m", "40m", "1h", "90m", "6h")
HABITS = ("steady", "steady", "steady", "steady", "flaky", "slow", "hesitant")
QUIET = (["22:00", "06:00"], ["01:00", "04:30"], ["12:10", "12:50"])


def beginning(random):
    """Return the instant at which a life begins."""
    day = datetime.fromisoformat(random.choice(BEGINNINGS)).replace(tzinfo=UTC)
    return (day + timedelta(seconds=random.randrange(DAY // 2))).timestamp()


def draw(random, number, begin):
    """Return *number* scheduled job tables, and some that depend on them, for a life that begins at *begin*."""
    names = [f"job{place}" for place in range(number)]
    jobs = {}
    for name in names:
        jobs[name] = {**schedule(random, begin), **_settings(random), "command": ["true"]}
        if jobs and random.random() < 0.15:
            jobs[name]["after"] = [random.choice(list(jobs))]
            jobs[name]["after"] = [other for other in jobs[name]["after"] if other != name] or ["step"]
    jobs["step"] = {"command": ["true"], "retry": _retry(random)}
    jobs["hand"] = {"command": ["true"], "group": random.choice(["", "disk"])}
    if random.random() < 0.5:
        steps = [random.choice([*names, "step"]), ["step"]] if random.random() < 0.5 else ["step"]
        on_failure = random.choice(["stop", "continue"])
        jobs["release"] = {**schedule(random, begin), "chain": steps, "on_failure": on_failure}
    if random.random() < 0.5:
        jobs["alarm"] = {"on": "job_failed", "where": {"job": random.choice(names)}, "command": ["true"]}
    if random.random() < 0.5:
        jobs["follower"] = {"after": [random.choice(names)], "command": ["true"]}
    return jobs


def schedule(random, begin):
    """Return the keys of a random schedule."""
    drawn = random.random()
    if drawn < 0.65:
        return {"cron": random.choice(CRONS), "timezone": random.choice(ZONES)}
    if drawn < 0.95:
        anchor = {"anchor": "2026-01-01T12:00:00+00:00"} if random.random() < 0.5 else {}
        return {"every": random.choice(EVERY), **anchor}
    instant = datetime.fromtimestamp(begin + random.uniform(0.1, 3) * DAY, UTC)
    return {"at": instant.isoformat(timespec="minutes")}


def _settings(random):
    found = {
        "catch_up": random.choice(["latest", "latest", "latest", "all", "none"]),
        "catch_up_limit": random.randint(1, 5),
        "priority": random.choice(["high", "medium", "medium", "low"]),
        "on_interrupted": random.choice(["rerun", "rerun", "skip", "ask"]),
    }
    for key, chance, values in (
        ("grace", 0.2, ["5m", "30m", "2h"]),
        ("jitter", 0.2, ["3m", "12m"]),
        ("not_between", 0.25, QUIET),
        ("group", 0.25, ["disk"]),
        ("only_if", 0.15, [{"path": "GATE"}]),
        ("gate_deadline", 0.1, ["30m", "3h"]),
    ):
        if random.random() < chance:
            found[key] = random.choice(values)
    return {**found, "retry": _retry(random)}


def _retry(random):
    return {
        "max_attempts": random.choice([1, 1, 2, 3]),
        "delay": random.choice([0, "20s", "4m", "10m", "1h"]),
        "jitter": random.choice([0, 0, "90s"]),
    }


def follow_host(random, jobs):
    """Let most of the job tables *jobs* follow the time zone of the host."""
    for table in jobs.values():
        if random.random() < 0.7:
            table.pop("timezone", None)
        if "at" in table and random.random() < 0.5:  # an instant without an offset
            table["at"] = table["at"].removesuffix("+00:00")


def retry_soon(random, jobs):
    """Let most retries come while their tick waits for them, at the latest a minute after the failure."""
    for table in jobs.values():
        if random.random() < 0.8 and "chain" not in table:
            table["retry"] = {
                "max_attempts": 3,
                "delay": random.choice(["20s", "45s", "60s", "61s"]),
                "jitter": 0,
            }


def habits(random, jobs):
    """Return how each job behaves, by its name."""
    return {name: random.choice(HABITS) for name in jobs}


def fate(habit, random):
    """Return the duration of an attempt in seconds, and its result."""
    seconds, chance = random.uniform(0.2, 40), random.random()
    if habit == EVEN:
        return 20.3, "success"
    if habit == "slow" and chance < 0.2:
        return random.uniform(2, 50) * 60, "success"
    if habit == "flaky" and chance < 0.35:
        return seconds, "failed"
    if habit == "hesitant" and chance < 0.1:
        return seconds, "deferred"
    return seconds, "success"
