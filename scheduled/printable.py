"""Words that came from outside, in lines of ours: on a terminal, in a mail, in the ledger."""


def printable(text: str) -> str:
    """Return *text* on one line: what can't be seen, steers a terminal or is no text shows as its escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
