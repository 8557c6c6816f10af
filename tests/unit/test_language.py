"""No name, docstring, comment, string or page contains a word that has a plain or a standard replacement."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
TREES = ("scheduled", "handlers", "state", "install", "tests", "benchmarks", "docs")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "pyproject.toml", "justfile", ".ci/run")
SUFFIXES = {".py", ".sql", ".md", ".html", ".sh", ".toml", ".1"}

# Write "another process", "the user", "print", "report", "again" or "is" instead.
WORDS = re.compile(
    r"\b(?:whoever|nobody|somebody|whom|whose|tells?|telling|told|says?|saying|said|anew|stands?|standing|stood|lies"
    r"|lay|bears?|hurry|whatever|wherever|household|doorway|outcome files?)\b",
    re.IGNORECASE,
)


# The user account `nobody`, which these tests use, and the method `tell` of files.
ALLOWED = {("test_crontab_command.py", "nobody"), ("test_crontab_binary.py", "nobody"), ("logs.py", "tell")}


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of *path* with their numbers; of a Python file only names, comments and strings."""
    source = path.read_text()
    if path.suffix != ".py":
        yield from enumerate(source.splitlines(), 1)
        return
    kinds = {
        tokenize.NAME,
        tokenize.COMMENT,
        tokenize.STRING,
        getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING),
    }
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in kinds:
            # In names and keys an underscore separates words.
            yield from enumerate(token.string.replace("_", " ").splitlines(), token.start[0])


def found(path: Path) -> list[str]:
    return [
        f"{path.name}:{number}: {word}"
        for number, line in texts(path)
        for word in WORDS.findall(line)
        if (path.name, word) not in ALLOWED
    ]


def sources() -> list[Path]:
    trees = (path for tree in TREES for path in (ROOT / tree).rglob("*") if path.suffix in SUFFIXES)
    return sorted(
        [path for path in trees if path != Path(__file__) and path.is_file()]
        + [ROOT / page for page in PAGES]
    )


def test_no_text_contains_a_forbidden_word() -> None:
    assert [word for path in sources() for word in found(path)] == []


def test_names_comments_strings_and_pages_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('was_told = 1  # as told\ns = """a\nwhoever"""\n')
    (tmp_path / "a.md").write_text("fine\nIt stands here\n")

    assert [found(tmp_path / name) for name in ("a.py", "a.md")] == [
        ["a.py:1: told", "a.py:1: told", "a.py:3: whoever"],
        ["a.md:2: stands"],
    ]
