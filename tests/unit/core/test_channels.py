"""Which parts of a URL may be secrets, and which values of a channel."""

import pytest

from scheduled.core.channels import may_be_secret, secrets_of_url


@pytest.mark.parametrize(
    ("url", "secrets", "public"),
    [
        ("slack://TokenA/TokenB/TokenC", {"TokenA", "TokenB", "TokenC"}, set()),
        ("mailtos://me:p%40ss@smtp.example.com?to=a@b.example", {"me", "p%40ss", "p@ss", "a@b.example"}, {"smtp.example.com"}),
        ("ntfys://ntfy.sh/my-topic", {"my-topic"}, {"ntfy.sh"}),
        ("json://localhost:80/a/b#frag", {"a", "b", "frag"}, {"localhost"}),
        ("x://[bad/secret", {"x://[bad/secret"}, set()),
    ],
)  # fmt: skip
def test_all_but_the_scheme_and_the_host_may_be_secret(url, secrets, public):
    found = secrets_of_url(url)

    assert secrets <= found and url in found
    assert not found & public


@pytest.mark.parametrize(
    ("written", "secret"),
    [
        ("desktop", False), ("memory", False), ("file:~/url", False), ("command:pass show x", False), ("credential:x", False),
        ("slack://A/B/C", True), ("slack:A", True), ("***", True), (["mail", "x"], False), ({"path": "/x"}, False), (None, False),
    ],
)  # fmt: skip
def test_a_url_may_be_secret_and_so_may_what_is_no_valid_value(written, secret):
    assert may_be_secret(written) is secret
