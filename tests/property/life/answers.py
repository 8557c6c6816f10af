"""Ask the program at an instant of a life, and keep its predictions until they can be compared with what happened."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from scheduled import service
from tests.property.life import comparison

MINUTE, HOUR, DAY = 60, 3600, 86400


class Answer(NamedTuple):
    """The *document* that a *question* got at *at*, in the time zone *zone*. It assumed no ticks during *outages*."""

    at: float
    question: str
    document: Any
    outages: tuple = ()
    zone: str = "UTC"


def iso(instant):
    return datetime.fromtimestamp(int(instant), UTC).isoformat()


class Answers:
    """The answers of a life."""

    def __init__(self, life):
        self.life, self.random, self.kept = life, life.random, []

    def ask(self):
        """Ask a random question."""
        self.random.choice([self._forecast, self._forecast, self._next, self._explain, self._status])()

    def ask_all(self):
        """Ask every question."""
        for question in (self._forecast, self._next, self._explain, self._status):
            question()

    def _keep(self, question, document, outages=(), at=None):
        at = self.life.now() if at is None else at
        self.kept.append(Answer(at, question, document, outages, self.life.host))
        self.life.machine.note(f"asks {question}")

    def _forecast(self):
        now = self.life.now()
        first = now + self.random.choice([0, 0, 2 * HOUR, DAY]) * self.random.random()
        last = first + self.random.choice([HOUR, 8 * HOUR, 2 * DAY])
        outages = self._outage() if self.random.random() < 0.4 and not self.life.is_out() else ()
        spans = [f"{iso(begin)}..{iso(end)}" for begin, end in outages]
        only = self.random.choice([None, None, *self.life.tables])
        document = service.forecast(self.life.instance, iso(first), iso(last), spans, only)
        self._keep(f"forecast {only or ''} {iso(first)}..{iso(last)} outages {spans}", document, outages)
        self.kept[-1] = self.kept[-1]._replace(question=("forecast", int(first), int(last), only))

    def _outage(self):
        """Let an outage that the forecast knows happen soon, and return it."""
        begin = int(self.life.now() + self.random.uniform(10 * MINUTE, 5 * HOUR))
        end = int(
            begin + self.random.choice([20 * MINUTE, 3 * HOUR, 10 * HOUR]) * self.random.uniform(0.5, 1.5)
        )
        self.life.outage(begin, end, self.random.random() < 0.5)
        return ((begin, end),)

    def _next(self):
        self._keep("next", service.upcoming(self.life.instance, limit=self.random.choice([5, 20, 60])))

    def _explain(self):
        for name in self.life.tables:
            if "for_each" in self.life.tables[name]:
                continue
            self._keep("explain", service.explain(self.life.instance, name))

    def _status(self):
        document = service.status(self.life.instance)
        if not self.life.machine.runners:  # a tick records some problems when it ends
            self.life.silence.check_status(document)
        self._keep("status", document)
        self._keep("jobs", service.jobs(self.life.instance))

    def before_tick(self):
        """Ask, at the begin of a tick, what it would start."""
        if self.random.random() < 0.3:
            self._keep("dry run", service.dry_run(self.life.instance))

    def compare(self):
        """Raise AssertionError with all differences between the answers and what happened that no answer assumed."""
        found = comparison.Comparison(self.life)
        wrong = [text for answer in self.kept for text in found.differences(answer)]
        self.compared = found.compared
        assert not wrong, f"{len(wrong)} differences: " + "\n".join(wrong[:12])
