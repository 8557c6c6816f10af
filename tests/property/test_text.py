"""Markdown shows escaped text literally."""

from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from scheduled.handlers.formats.text import escaped, plain

MARKS = st.text(alphabet="ab1 _*`[]()<>#+-=|~&!\\.:/@;\n\t\"'$^{}x", max_size=40)


@given(MARKS | st.text(max_size=60))
@example("_a_ __b__ snake_case_name")
@example("&amp; &#35; &copy")
@example("1) a")
@example("<https://x.y> https://x.y www.x.y a@b.c")
@settings(max_examples=600)
def test_escaped_words_are_shown_literally(words: str) -> None:
    tokens = (
        MarkdownIt("commonmark", {"html": True})
        .enable(["table", "strikethrough"])
        .parse(f"- {escaped(words)}")
    )

    shown = "".join(child.content for token in tokens for child in token.children or [])
    assert plain(words) == shown
    kinds = {child.type for token in tokens for child in token.children or []}
    assert kinds <= {"text", "text_special"}
    expected = ["bullet_list_open", "list_item_open", "paragraph_open", "inline", "paragraph_close"]
    assert expected == [token.type for token in tokens][:5] or not plain(words)


@given(st.text(max_size=400))
def test_plain_words_are_one_line_without_anything_invisible(words: str) -> None:
    found = plain(words, 100)

    assert len(found) <= 100
    assert found == found.strip()
    assert not set(found) & set("\n\r\t\0\x1b\u200b\u202e\u2028\ud800")
