"""The last lines of the output of a run, for notices."""

from scheduled.core.notice_text import LONGEST_OUTPUT, last_lines
from scheduled.execution import masked_output
from scheduled.execution.kept_secrets import LostSecretsError
from scheduled.paths import Paths


def of_run(paths: Paths, run_id: str, attempt: int) -> str:
    """Return the last lines of the output of an attempt, with secrets masked; "" if there is none that can be shown."""
    output = masked_output.of(paths, run_id, attempt)
    try:
        data, _ = output.end(LONGEST_OUTPUT, final=not output.is_growing())
    except (OSError, LostSecretsError):
        return ""
    return last_lines(data.decode(errors="replace"))
