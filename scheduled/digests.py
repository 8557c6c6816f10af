"""SHA-256 without the module hashlib: its import loads OpenSSL and takes as long as the start of Python.

The module with the same function in C is internal and depends on the version of Python. The standard library's `random`
does the same.
"""

import importlib
from functools import cache
from typing import Any


def sha256(data: bytes) -> bytes:
    """Return the SHA-256 digest of *data*, 32 bytes."""
    digest: bytes = _module().sha256(data).digest()
    return digest


@cache  # a search for a module that does not exist takes a while each time
def _module() -> Any:
    for name in (
        "_sha2",
        "_sha256",
        "hashlib",
    ):  # of Python 3.12 and newer, of 3.11, and of one that has neither
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImportError("no module has SHA-256")
