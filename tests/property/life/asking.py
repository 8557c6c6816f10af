"""Random jobs of a life that ask for approval."""

from tests.property.life import world


def draw(random, begin):
    """Return job tables for a life that begins at *begin*."""
    jobs = {
        "asks": {**world.schedule(random, begin), **_settings(random)},
        "gated": {**world.schedule(random, begin), **_settings(random), "not_between": random.choice(world.QUIET)},
        "signs": _settings(random),
        "ships": {**world.schedule(random, begin), "chain": ["signs", "packs"]},
        "packs": {},
        "follows": {**world.schedule(random, begin), "after": ["asks"]},
    }  # fmt: skip
    return {
        name: table if "chain" in table else {**table, "command": ["true"]} for name, table in jobs.items()
    }


def _settings(random):
    by, default = random.choice(["20m", "3h", "2d"]), random.choice(["deny", "approve"])
    return {
        "catch_up": random.choice(["latest", "latest", "all", "none"]),
        "catch_up_limit": random.randint(1, 5),
        "retry": world._retry(random),
        "approve": random.choice([True, {"by": by, "default": default}, {"by": by, "default": default}]),
    }
