"""Escape control characters in text that is printed, or written to a log."""


def printable(text: str) -> str:
    """Return *text* for one line: every character that is not printable, such as a newline, as its escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable_lines(text: str) -> str:
    """Return *text* for several lines: as `printable`, but newlines and tabs are kept."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def printable_in(document: object, blocks: frozenset[str] = frozenset()) -> object:
    """Return a JSON-like *document* with `printable` applied to every string in it, including keys.

    The values of the keys in *blocks* are texts of several lines; `printable_lines` is applied to them.
    """
    if isinstance(document, str):
        return printable(document)
    if isinstance(document, dict):
        return {
            printable_in(key): printable_lines(value)
            if key in blocks and isinstance(value, str)
            else printable_in(value, blocks)
            for key, value in document.items()
        }
    if isinstance(document, list | tuple):
        return [printable_in(value, blocks) for value in document]
    return document


def printable_json(text: str) -> str:
    r"""Return a JSON *text* with every character that is not printable as `\uXXXX`; newlines are kept.

    JSON encoders escape only the control characters below U+0020. A terminal also obeys others.
    """
    return "\n".join(line if line.isprintable() else _json_line(line) for line in text.split("\n"))


def _json_line(line: str) -> str:
    return "".join(c if c.isprintable() else _json_escape(c) for c in line)


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
