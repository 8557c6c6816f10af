"""What everything in the ledger is about: a job, or one target of it."""

from typing import NamedTuple, Protocol

import msgspec

# Of a target in an id: with a job's name of 100 letters and what follows, it fits into a file's name of 255 bytes.
LONGEST_TARGET, KEPT_OF_TARGET = 80, 48


class JobKey(NamedTuple):
    """A *job*, or one *target* of it ('' for a job without targets); the job '' is all jobs, or the runner itself.

    As text it is a label, `JOB` or `JOB@TARGET`, which `read_label` reads back. No two labels are alike: an `@` in a
    job's name is doubled. A target may be any text (a path, a branch): an `@`, and what can't be part of a file's name,
    is percent-encoded.
    """

    job: str
    target: str = ""

    def __str__(self) -> str:
        return self._label(_encoded(self.target))

    @property
    def in_ids(self) -> str:
        """The label in the ids of runs and the names of files: of a long target a digest holds the place of the rest."""
        return self._label(_shortened(_encoded(self.target)))

    @property
    def for_people(self) -> str:
        """What messages call it: the job's name as it is written, with a target the label."""
        return str(self) if self.target else self.job

    def _label(self, target: str) -> str:
        name = self.job.replace("@", "@@")
        return f"{name}@{target}" if target else name


ALL_JOBS = JobKey("")


class _Named(Protocol):
    @property
    def job(self) -> str: ...

    @property
    def target(self) -> str: ...


class Keyed(msgspec.Struct, frozen=True):
    """A value about a *job*, or one *target* of it; it has these two fields."""

    @property
    def key(self: _Named) -> JobKey:
        """What it is about."""
        return JobKey(self.job, self.target)


def read_label(label: str) -> JobKey:
    """Return the key that *label* is the text of; raises ValueError if it is none."""
    from urllib.parse import unquote

    job, _, target = label.replace("@@", "\0").partition("@")
    key = JobKey(job.replace("\0", "@"), unquote(target.replace("\0", "@@"), errors="strict"))
    if str(key) != label:
        raise ValueError(f"{label!r}: is no label of a job")
    return key


def _encoded(target: str) -> str:
    if not target:
        return ""
    from urllib.parse import quote

    return quote(target, safe=":+", errors="surrogateescape")


def _shortened(name: str) -> str:
    if len(name) <= LONGEST_TARGET:
        return name
    from hashlib import sha256

    # No name that is not shortened has a `=`, so that none is like one that is.
    return f"{name[:KEPT_OF_TARGET]}={sha256(name.encode()).hexdigest()[:16]}"
