"""The variables that a crontab sets for the ticks of `scheduled`. Pure: no clock, file or process."""

import re

from scheduled.install.block_lines import before_entries

# NAME=value as Debian's cron reads it: quotes belong to the whole name or value, and nothing is expanded.
_VARIABLE = re.compile(
    r"""[ \t]*(?:"([^"]*)"|'([^']*)'|([^\s"'=#][^\s=]*))[ \t]*=[ \t]*(?:"([^"]*)"|'([^']*)'|([^\s"'].*?))[ \t]*"""
)


def variables(crontab: bytes) -> dict[str, str]:
    """Return the variables in force at the block of *crontab*; without a block, those at its end."""
    text = before_entries(crontab).decode(errors="surrogateescape")
    found = {}
    for line in text.split("\n"):
        if match := _VARIABLE.fullmatch(line):
            name, value = ("".join(filter(None, part)) for part in (match.groups()[:3], match.groups()[3:]))
            found[name] = value.rstrip()  # cron does that for a quoted value, too
    return found
