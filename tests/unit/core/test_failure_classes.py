"""The class of a failure is recognised from what common programs print."""

import pytest

from scheduled.core.failure_classes import failure_class


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("curl: (7) Failed to connect to localhost port 1: Connection refused\n", "network"),
        ("curl: (6) Could not resolve host: example.invalid\n", "network"),
        ("ssh: connect to host a port 22: No route to host\n", "network"),
        ("socket.gaierror: [Errno -2] Name or service not known\n", "network"),
        ("The requested URL returned error: 503 Service Unavailable\n", "network"),
        ("requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url\n", "auth"),
        ("git@github.com: Permission denied (publickey).\n", "auth"),
        ("error: your token has expired\n", "auth"),
        ("cat: /etc/shadow: Permission denied\n", None),
        ("processed 401 files\n", None),
        ("", None),
    ],
)
def test_a_failure_is_recognised_from_the_output(output, expected):
    assert failure_class(output) == expected
