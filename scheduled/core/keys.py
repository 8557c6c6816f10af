"""Keys of the ledger: a job, or one target of a job."""

from typing import NamedTuple, Protocol

import msgspec

# Limits in the ids of runs, in bytes. With them an id fits into the names of the files of a run: see `run_ids.LONGEST`.
LONGEST_JOB, LONGEST_TARGET = 100, 64


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
        name = self.job.replace("@", "@@")
        return f"{name}@{_encoded(self.target)}" if self.target else name

    @property
    def in_ids(self) -> str:
        """The label for run ids and file names: a digest replaces the end of a long name, and of a long target."""
        job = shortened(self.job.replace("@", "@@"), LONGEST_JOB)
        return f"{job}@{shortened(_encoded(self.target), LONGEST_TARGET)}" if self.target else job

    @property
    def display_name(self) -> str:
        """The name for messages: the job's name as configured, or the label if there is a target."""
        return str(self) if self.target else self.job

    @property
    def unlike_jobs(self) -> str:
        """The label of a target with its first character percent-encoded, for a target with a label that is a job's name."""
        label = str(self)
        first = "".join(f"%{byte:02X}" for byte in self.target[0].encode(errors="surrogateescape"))
        return f"{label[: label.rindex('@') + 1]}{first}{_encoded(self.target[1:])}"


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


def shortened(name: str, most: int) -> str:
    """Return *name* if it has at most *most* bytes in UTF-8; otherwise its beginning and a digest, in *most* bytes at most.

    *name* must not contain `=`: so a shortened name never equals another one.
    """
    data = name.encode(errors="surrogateescape")  # the name of a file may hold bytes that are not UTF-8
    if len(data) <= most:
        return name
    from scheduled.digests import sha256

    digest = sha256(data).hex()[:16]
    return f"{data[: most - len(digest) - 1].decode(errors='ignore')}={digest}"
