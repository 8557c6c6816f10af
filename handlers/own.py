"""Which mails are the product's own notices: they never count as stale, or they would breed more of them."""

from collections.abc import Mapping
from typing import Any

SUBJECTS = ("[SCHEDULED]", "[DAILY]", "[MEMORY]")


def is_own(message: Mapping[str, Any], sender: str) -> bool:
    """Tell whether *message* is a notice of ours: its subject says so, and it came from our *sender*."""
    subject = message.get("subject")
    return isinstance(subject, str) and subject.startswith(SUBJECTS) and message.get("from") == sender
