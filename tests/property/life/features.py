"""Random jobs of a life with targets, and several chains with what comes after them."""

from tests.property.life import world


def draw(random, names, begin):
    """Return job tables that use the jobs *names*, for a life that begins at *begin*."""
    settings = lambda: {"catch_up": random.choice(["latest", "latest", "all", "none"]), "catch_up_limit": 3}  # noqa: E731
    jobs = {
        "each": {**world.schedule(random, begin), **settings(), "for_each": random.sample("abcd", 3)},
        "wide": {**world.schedule(random, begin), "for_each": ["x", "y"], "retry": world._retry(random)},
        "outer": {**world.schedule(random, begin), "chain": ["hand", ["inner", "step"]]},
        "inner": {"chain": [random.choice(["step", "each"]), random.choice(["step", "hand"])]},
        "second": {**world.schedule(random, begin), **settings(), "chain": ["step", random.choice(names)]},
        "tail": {"after": ["each"]},
        "last": {"after": random.choice([["outer"], ["second", "outer"], ["second", random.choice(names)]])},
        "timed": {**world.schedule(random, begin), "after": [random.choice(["each", "outer", "second"])], **settings()},
    }  # fmt: skip
    chosen = {name: table for name, table in jobs.items() if name == "inner" or random.random() < 0.6}
    jobs = {name: table for name, table in chosen.items() if {*table.get("after", ())} <= {*chosen, *names}}
    if "each" not in jobs and "each" in jobs["inner"]["chain"]:
        jobs["inner"]["chain"] = ["step"]
    return {
        name: table if "chain" in table else {**table, "command": ["true"]} for name, table in jobs.items()
    }
