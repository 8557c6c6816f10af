"""Text for one line of a terminal or a log: control characters are escaped."""


def printable(text: str) -> str:
    """Return *text* on one line: what can't be seen, steers a terminal or is no text shows as its escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
