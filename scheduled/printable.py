"""Escape control characters in text for one line of a terminal or log."""


def printable(text: str) -> str:
    """Return *text* with every character that is not printable, such as a newline, replaced by its escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
