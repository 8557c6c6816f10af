"""Which recipients get a notice: the rules of `[[notify.routes]]`, and the `notify` of a job."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import msgspec

from scheduled.core.conditions import Priority
from scheduled.core.keys import JobKey

INCIDENT = "incident"
PRIORITIES: tuple[Priority, ...] = ("low", "normal", "high", "critical")


class Matter(msgspec.Struct, frozen=True, kw_only=True):
    """What a notice is about: an incident, or the event *name*. *notify* are the recipients that its job names."""

    name: str
    priority: Priority = "normal"
    subject: JobKey = JobKey("")
    notify: tuple[str, ...] = ()


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Matters with one of the names *on*, of a *priority* at least, about one of the *jobs* (patterns; none: all) go *to*."""

    on: tuple[str, ...] = (INCIDENT,)
    priority: Priority = "low"
    jobs: tuple[str, ...] = ()
    to: tuple[str, ...] = ()

    def applies(self, matter: Matter) -> bool:
        """Return whether *matter* goes to the recipients of this rule."""
        named = not self.jobs or any(_matches(matter.subject, pattern) for pattern in self.jobs)
        urgent = PRIORITIES.index(matter.priority) >= PRIORITIES.index(self.priority)
        return named and urgent and any(fnmatchcase(matter.name, name) for name in self.on)


def recipients(rules: Iterable[Rule], matter: Matter) -> Sequence[str]:
    """Return the recipients of a notice about *matter*, each once: those that its job names, then those of the *rules*."""
    found = [*matter.notify] if matter.name == INCIDENT else []
    found += [name for rule in rules if rule.applies(matter) for name in rule.to]
    return list(dict.fromkeys(found))


def _matches(subject: JobKey, pattern: str) -> bool:
    return fnmatchcase(subject.job, pattern) or fnmatchcase(subject.display_name, pattern)
