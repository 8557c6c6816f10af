"""The variables that PAM gives to the jobs of cron; the expected values are those of Debian's pam_env."""

import pytest

from scheduled.install.pam_environment import files, parse, variables

DEBIAN = """
@include common-auth
session    required     pam_loginuid.so
# session  required   pam_env.so envfile=/comment
session       required   pam_env.so
session       required   pam_env.so envfile=/etc/default/locale
"""


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (DEBIAN, ["/etc/environment", "/etc/default/locale"]),
        ("session [success=ok default=ignore] /lib/security/pam_env.so readenv=1 envfile=/a\n", ["/a"]),
        ("session required pam_env.so readenv=0\nauth required pam_env.so\n", []),
        ("session required pam_environment.so\n", []),
        ("", []),
    ],
)
def test_the_files_are_those_of_the_sessions_of_cron(service, expected):
    assert files(service) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# a comment\n\nA=plain value  \n", {"A": "plain value  "}),
        ('A="quoted # hash"', {"A": "quoted "}),
        ("A='single'", {"A": "single"}),
        ("export A=exported", {"A": "exported"}),
        ("  A=indented", {"A": "indented"}),
        ("A=hash # comment", {"A": "hash "}),
        ('A="in"side"', {"A": 'in"side'}),
        ("A=", {"A": ""}),
        ("A-9=bad\nA = spaced\n", {}),
        ('A="a\\\nb"', {"A": "ab"}),
        ("A=back\\\nslash", {"A": "backslash"}),
        ("A='mixed\"", {"A": "mixed"}),
        ('A="trail"  ', {"A": 'trail"  '}),
        ('A="  lead"', {"A": "  lead"}),
        ("A='a'b'c'", {"A": "a'b'c"}),
        ("A=$HOME", {"A": "$HOME"}),
        ("A=x\nA\n", {}),
        ("A=1\nA=2\n", {"A": "2"}),
        ('A="', {"A": ""}),
    ],
)
def test_a_line_is_read_as_pam_reads_it(text, expected):
    assert parse(text) == expected


def test_a_later_file_wins_and_a_missing_one_sets_nothing(tmp_path):
    (tmp_path / "first").write_text("A=1\nB=1\n")
    (tmp_path / "second").write_text("B=2\n")
    lines = [
        f"session required pam_env.so envfile={tmp_path}/{name}\n" for name in ("first", "none", "second")
    ]
    (tmp_path / "crond").write_text("".join(lines))

    assert variables([tmp_path / "cron", tmp_path / "crond"]) == {"A": "1", "B": "2"}
    assert variables([tmp_path / "cron"]) == {}
