"""Keys of the ledger: a job, or one target of a job."""

from typing import NamedTuple, Protocol

import msgspec

# Limits of a target in an id: with a job name of 100 letters and the longest suffix, the id fits into a file
# name of 255 bytes.
LONGEST_TARGET, KEPT_OF_TARGET = 80, 48


class JobKey(NamedTuple):
    """A *job*, or one *target* of it ('' for a job without targets).

    The job '' means all jobs, or the program itself. As text it is a label, `JOB` or `JOB@TARGET`, which
    `read_label` parses. Different keys have different labels: an `@` in a job's name is doubled. A target may
    be any text (a path, a branch); `@` and the characters that a file name cannot contain are
    percent-encoded.
    """

    job: str
    target: str = ""

    def __str__(self) -> str:
        return self._label(_encoded(self.target))

    @property
    def in_ids(self) -> str:
        """The label for run ids and file names: a digest replaces the end of a long target."""
        return self._label(_shortened(_encoded(self.target)))

    @property
    def display_name(self) -> str:
        """The name for messages: the job's name as configured, or the label if there is a target."""
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
    """Base of values about a job or one of its targets. A subclass has the fields *job* and *target*."""

    @property
    def key(self: _Named) -> JobKey:
        """The job, or target, that the value is about."""
        return JobKey(self.job, self.target)


def read_label(label: str) -> JobKey:
    """Return the key with the text *label*. Raise ValueError if *label* is invalid."""
    from urllib.parse import unquote

    job, _, target = label.replace("@@", "\0").partition("@")
    key = JobKey(job.replace("\0", "@"), unquote(target.replace("\0", "@@"), errors="strict"))
    if str(key) != label:
        raise ValueError(f"{label!r} is not a valid job label: write JOB or JOB@TARGET")
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

    # `quote` encodes every `=`, so a shortened name never equals a name that is not shortened.
    return f"{name[:KEPT_OF_TARGET]}={sha256(name.encode()).hexdigest()[:16]}"
