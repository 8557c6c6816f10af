"""Random jobs of a life of which the slots depend on earlier runs, periods, boots or gates."""

from tests.property.life import world

# They always take the same time: their slots count from the end of a run, and a prediction takes the median of these times.
FROM_END = "rests"
SLOW = ("lined", "ousts", "absent")


def draw(random, begin):
    """Return job tables for a life that begins at *begin*."""
    settings = lambda: {  # noqa: E731
        "catch_up": random.choice(["latest", "latest", "all", "none"]),
        "catch_up_limit": random.randint(1, 5),
        "retry": world._retry(random),
    }
    window = random.choice([{}, {"between": ["09:00", "17:00"]}, {"between": ["22:00", "06:00"]}])
    jobs = {
        "lined": {"cron": random.choice(world.CRONS[:4]), **settings(), "overlap": "queue", "timeout": "2h"},
        "ousts": {"cron": random.choice(world.CRONS[:4]), **settings(), "overlap": "replace", "timeout": "2h"},
        "absent": {"cron": random.choice(world.CRONS[:4]), **settings(), "overlap": "skip", "timeout": "2h"},
        FROM_END: {"every": random.choice(world.EVERY), "from": "end", **settings()},
        "daily": {"once_per": "day", "timezone": random.choice(world.ZONES), **window, **settings()},
        "weekly": {"once_per": "week", "timezone": random.choice(world.ZONES), **settings()},
        "guarded": {**world.schedule(random, begin), "only_if": {"path": "GATE", "else": "skip"}, **settings()},
        "calm": {"cron": random.choice(world.CRONS), "start_delay": random.choice(["7m", "1h"]), **settings()},
        "several": {"cron": random.sample(world.CRONS, 2), "timezone": random.choice(world.ZONES), **settings()},
    }  # fmt: skip
    chosen = {name: table for name, table in jobs.items() if random.random() < 0.7}
    return {name: {**table, "command": ["true"]} for name, table in (chosen or jobs).items()}


def habits(random, jobs):
    """Return how the *jobs* behave, by name: those for which `overlap` matters are often slow."""
    found = {name: random.choice(["slow", "slow", "steady"]) for name in SLOW if name in jobs}
    return {**found, FROM_END: world.EVEN} if FROM_END in jobs else found
