"""The known forms of workspace, and which of them a directory has."""

import os
from pathlib import Path

from scheduled.handlers.formats.first_form import FIRST
from scheduled.handlers.formats.form import Form
from scheduled.handlers.formats.later_form import LATER

FORMS = {form.name: form for form in (FIRST, LATER)}


def form_of(root: Path, layout: str | None = None) -> tuple[Form, str]:
    """Return the form of the workspace at *root* and a doubt about it, "" if there is none.

    *layout* is the name of the form if it is configured. Otherwise the form is the one with a registry in *root*. If
    both have one, it is the one with its directory of central files; if that decides nothing, the first form, with a
    doubt. Without any registry it is the first form. Raise OSError if *root* cannot be listed.
    """
    if layout is not None:
        return FORMS[layout], ""
    names = os.listdir(root)
    found = [form for form in FORMS.values() if form.registries_in(names)]
    if len(found) > 1:
        central = [form for form in found if os.path.isdir(root / form.central)]
        if len(central) == 1:
            return central[0], ""
        both = " and ".join(sorted(name for form in found for name in form.registries_in(names)))
        return FIRST, f"has {both}; set workspace_layout in scheduled.toml to {' or '.join(FORMS)}"
    return (found[0] if found else FIRST), ""


def default_form(root: Path | None, layout: str | None = None) -> Form:
    """Return the form of the workspace at *root* as `form_of` does, without raising; the first form in doubt."""
    try:
        return FIRST if root is None else form_of(root, layout)[0]
    except OSError:
        return FIRST if layout is None else FORMS[layout]
