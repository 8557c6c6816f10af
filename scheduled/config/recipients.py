"""The mail addresses of notices that concern no single branch: as configured, or as the form of the workspace has them."""

import msgspec

from scheduled.config.config import Config
from scheduled.core.conditions import Recipients
from scheduled.handlers.formats.forms import default_form


def recipients(config: Config) -> Recipients:
    """Return the recipients of the notices of *config*. It looks at the directory of the workspace."""
    default = default_form(config.workspace, config.workspace_layout).recipients
    given = {name: getattr(config.notify, name) for name in Recipients.__struct_fields__}
    return msgspec.structs.replace(default, **{name: value for name, value in given.items() if value})
