"""Changes in a simulation that concern only the jobs of `random_features`."""

from tests.fixtures import random_features

INTERVALS = ("20h", "36h", "5d")


class FeatureChanges:
    """The part of a simulation that makes these changes."""

    def retarget(self):
        """Give a job other targets, or none, or make a job without targets one with them."""
        name = self.features.choice(random_features.TARGETED)
        if name not in self.tables:
            return
        table = self.tables[name]
        if self.features.random() < 0.15 and "for_each" in table:
            del table["for_each"]
        else:
            table["for_each"] = random_features.members(self.features)
        self._write()

    def guard_closes(self):
        """Close the gate of a job that skips its slots then."""
        self.oracle.guard.unlink(missing_ok=True)
        self.oracle.guard_changed = self.machine.mono
        self.later(self._duration(), self._guard_opens)

    def _guard_opens(self):
        self.oracle.guard.touch()
        self.oracle.guard_changed = self.machine.mono

    def _list(self, *names):
        self.oracle.listing.write_text("".join(f"{name}\n" for name in names))

    def relist(self):
        """Give the list that a command prints other members; sometimes the command fails, or prints nothing, for a while."""
        chance = self.features.random()
        if chance < 0.2:
            self.oracle.listing.unlink(missing_ok=True)
        else:
            self._list(*(random_features.members(self.features) if chance < 0.9 else ()))

    def reschedule(self):
        """Give a job other schedules."""
        name = self.features.choice(["twice", "rest", "found"])
        if name in self.tables:
            every = {"every": self.features.choice(INTERVALS)}
            self.tables[name].update(
                every if name == "rest" else {"cron": self.features.choice(random_features.SEVERAL)}
            )
            self._write()
