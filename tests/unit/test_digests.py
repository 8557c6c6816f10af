"""SHA-256 without hashlib."""

import hashlib
import sys

import pytest

from scheduled import digests


@pytest.fixture(autouse=True)
def looked_for():
    """Let the module be looked for in each test, and after the last one."""
    digests._module.cache_clear()
    yield
    digests._module.cache_clear()


@pytest.mark.parametrize("data", [b"", b"notice\0two", bytes(range(256)) * 1000])
@pytest.mark.parametrize("missing", [(), ("_sha2", "_sha256")])
def test_it_is_the_digest_of_hashlib(data, missing, monkeypatch):
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)

    assert digests.sha256(data) == hashlib.sha256(data).digest()


def test_hashlib_is_not_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "hashlib")

    digests.sha256(b"x")

    assert "hashlib" not in sys.modules
