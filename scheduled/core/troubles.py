"""A trouble: something that is wrong now and needs a human."""

import msgspec

from scheduled.core.conditions import Priority
from scheduled.core.keys import JobKey

OF_SCHEDULED = JobKey("")  # the subject of a trouble of `scheduled` itself. The name of a job is never empty.


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What a finder of troubles returns for each, by the key under which it stays the same trouble as long as it lasts.

    *text* is a sentence for people: what, why, and in parentheses the command that shows more. *kind* is what kind of
    failure it is now, for example `failed` or `late`: it may change while the trouble lasts, so it is no part of the key.
    *subject* is the job or target. *run_id* is the run of which the last lines of output belong to the trouble. *sign* is
    what troubles with a common cause share, for example an exit code. *cause* is the key of the trouble that this one follows
    from. *failed* is the running total of failed runs of the subject, *new* how many of them this tick has found.
    *repeats*: it is a question that an earlier run asked without an answer, now also about later slots.
    *pressing*: it can't wait until quiet hours are over, or for a digest, because something happens at a deadline.
    *link* is an address for the recipient alone, which answers it without a sign-in; it is not part of the text.
    """

    text: str
    kind: str
    subject: JobKey = OF_SCHEDULED
    priority: Priority = "high"
    run_id: str = ""
    sign: str = ""
    cause: str = ""
    failed: int = 0
    new: int = 1
    repeats: bool = False
    pressing: bool = False
    link: str = ""
