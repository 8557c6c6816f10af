"""The web server: its token, its rate limits, its sockets, its announcement and its idle exit."""

import os
import socket
import stat
import time

import pytest

from scheduled.errors import ConfigError, StateError
from scheduled.interfaces.web import server, sign_in, sockets, tokens
from scheduled.interfaces.web.rate_limit import MAX_PEERS, Buckets, Rate
from scheduled.interfaces.web.sockets import ListenOptions

KEY = tokens.Key("a-token-of-more-than-thirty-two-characters")


@pytest.fixture
def state(tmp_path):
    tmp_path.chmod(0o700)
    return tmp_path


# The token


def test_the_token_is_created_once_and_only_its_owner_can_read_it(state):
    first, second = tokens.key(state), tokens.key(state)

    assert first.token == second.token == (state / "web-token").read_text().strip()
    assert len(first.token) >= 43  # 256 bits
    assert stat.S_IMODE((state / "web-token").stat().st_mode) == 0o600


def test_a_new_token_has_another_cookie(state):
    old, new = tokens.key(state), tokens.renew(state)

    assert (new.is_token(old.token), new.is_session(old.session)) == (False, False)
    assert tokens.key(state).is_token(new.token)
    assert stat.S_IMODE((state / "web-token").stat().st_mode) == 0o600


def test_a_running_server_reads_a_changed_token_file(state):
    tokens.key(state)
    file = tokens.KeyFile(state)
    first = file.key()

    assert file.key() is first  # an unchanged file is not read again
    renewed = tokens.renew(state)
    assert file.key().is_token(renewed.token) and not file.key().is_token(first.token)


def test_a_deleted_token_file_keeps_the_last_token_and_is_not_recreated(state):
    tokens.key(state)
    file = tokens.KeyFile(state)
    first = file.key()
    (state / "web-token").unlink()

    assert file.key() is first
    assert not (state / "web-token").exists()
    assert file.key().token != tokens.renew(state).token
    assert not file.key().is_token(first.token)


def test_no_older_token_is_accepted_while_the_file_has_wrong_permissions(state):
    file = tokens.KeyFile(state)
    first = file.key()
    (state / "web-token").chmod(0o644)

    for _ in range(2):
        with pytest.raises(ConfigError, match="chmod 600"):
            file.key()
    (state / "web-token").chmod(0o600)
    assert file.key().token == first.token


def test_the_cookie_is_not_the_token():
    assert not KEY.is_token(KEY.session) and not KEY.is_session(KEY.token)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_token_that_other_users_can_read_or_write_is_refused_with_the_fix(state, mode):
    tokens.key(state)
    (state / "web-token").chmod(mode)

    with pytest.raises(ConfigError, match="chmod 600"):
        tokens.key(state)


def test_a_token_that_could_be_guessed_is_refused(state):
    (state / "web-token").write_text("secret\n")
    (state / "web-token").chmod(0o600)

    with pytest.raises(ConfigError, match="--new-token"):
        tokens.key(state)


def test_a_token_file_that_cannot_be_written_is_named(state):
    with pytest.raises(StateError, match="web-token"):
        tokens.key(state / "nowhere")


# The one-time code


def test_a_code_works_once(state):
    key = tokens.key(state)
    code = sign_in.new_code(state, key)

    assert [sign_in.redeem(state, key, code) for _ in range(2)] == [True, False]
    assert not sign_in.redeem(state, key, key.token)


def test_a_code_is_not_in_its_file_and_only_its_owner_can_list_it(state):
    code = sign_in.new_code(state, tokens.key(state))
    directory = state / sign_in.DIRECTORY
    [found] = directory.iterdir()

    assert (stat.S_IMODE(directory.stat().st_mode), stat.S_IMODE(found.stat().st_mode)) == (0o700, 0o600)
    assert code not in found.name and found.read_bytes() == b""


def test_a_new_token_makes_older_codes_invalid(state):
    code = sign_in.new_code(state, tokens.key(state))

    assert not sign_in.redeem(state, tokens.renew(state), code)


def test_a_code_is_valid_for_a_day(state):
    key = tokens.key(state)
    now = time.time()
    early, late = (sign_in.new_code(state, key) for _ in range(2))

    assert sign_in.redeem(state, key, early, lambda: now + sign_in.LIFETIME - 60)
    assert not sign_in.redeem(state, key, late, lambda: now + sign_in.LIFETIME + 60)


def test_old_and_surplus_codes_are_removed(state):
    key = tokens.key(state)
    for number in range(2 * sign_in.MOST):
        sign_in.new_code(state, key)
        assert len(list((state / sign_in.DIRECTORY).iterdir())) == min(number + 1, sign_in.MOST)

    sign_in.new_code(state, key, lambda: time.time() + 2 * sign_in.LIFETIME)

    assert len(list((state / sign_in.DIRECTORY).iterdir())) == 1


@pytest.mark.parametrize("code", ["", "../web-token", "é\x00", "\udc80", "x" * 10_000])
def test_what_is_no_code_is_refused(state, code):
    assert not sign_in.redeem(state, tokens.key(state), code)


def test_a_code_that_cannot_be_kept_is_an_error_in_words(state):
    (state / sign_in.DIRECTORY).touch()

    with pytest.raises(StateError, match="web-sign-in: "):
        sign_in.new_code(state, KEY)


@pytest.mark.parametrize(("mode", "private"), [(0o600, True), (0o640, False), (0o604, False)])
def test_a_file_that_others_may_read_is_not_private(tmp_path, mode, private):
    with (tmp_path / "log").open("w") as file:
        os.fchmod(file.fileno(), mode)

        assert sign_in.is_private(file) is private


def test_a_terminal_and_a_pipe_are_private_and_a_socket_is_not():
    ends = [*os.pipe(), *os.openpty()]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        found = [sign_in.is_private(open(end, closefd=False)) for end in (ends[1], ends[3], theirs.fileno())]  # noqa: SIM115
    for end in ends:
        os.close(end)

    assert found == [True, True, False]
    assert not sign_in.is_private(None)


# Rate limits


def test_a_bucket_refills_up_to_its_burst():
    buckets = Buckets(Rate(2, 60))

    assert [buckets.take("a", 0) for _ in range(3)] == [0, 0, 1]
    assert [buckets.take("a", 100) for _ in range(3)] == [0, 0, 1]
    assert buckets.take("b", 100) == 0


def test_the_number_of_remembered_peers_is_limited():
    buckets = Buckets(Rate(1, 1))
    for peer in range(3 * MAX_PEERS):
        buckets.take(str(peer), 0)

    assert len(buckets._left) == MAX_PEERS
    assert buckets.take(str(3 * MAX_PEERS - 1), 0) > 0  # the newest peers are remembered


# Sockets


def opened(options):
    found = sockets.sockets(options)
    address = sockets.server_address(KEY, options, found)
    for one in found:
        one.close()
    return address


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_on_loopback_only_loopback_names_are_accepted(host):
    address = opened(ListenOptions(host=host, port=0))

    assert address.names == {"127.0.0.1", "::1", "localhost"}
    assert (address.exposed, address.secure) == (False, False)
    assert "WARNING" not in server.announce(address, ListenOptions(host=host), "code")


def test_exposed_without_tls_the_warning_is_printed_before_and_after_the_address():
    options = ListenOptions(host="0.0.0.0", port=0, names=("box.lan",))
    address = opened(options)

    first, *middle, last = server.announce(address, options, "code").split("scheduled web:")
    assert address.exposed and socket.gethostname().lower() in address.names and address.accepts("box.lan:1")
    assert "NOT ENCRYPTED" in first and "NOT ENCRYPTED" in (middle or [last])[-1] + last


def test_with_tls_there_is_no_warning():
    options = ListenOptions(host="0.0.0.0", port=0, certfile="there")

    assert "WARNING" not in server.announce(opened(options), options, "code")
    assert server.announce(opened(options), options, "code").startswith("scheduled web: https://")


def test_a_port_in_use_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ConfigError, match=f"port {port}: .*use --host or --port"):
            sockets.sockets(ListenOptions(port=port))


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("zz\udcff\033]0;evil\007", 0),
        ("\u00e4" * 70, 0),
        ("zz\0", 0),
        ("zz\033]0;evil\007", 0),
        ("127.0.0.1", 70_000),
    ],
)
def test_an_address_that_no_server_can_have_is_an_error_in_words(host, port):
    with pytest.raises(ConfigError, match="; use --host or --port for another address"):
        sockets.sockets(ListenOptions(host=host, port=port))


@pytest.mark.parametrize(
    "options",
    [ListenOptions(keyfile="x"), ListenOptions(certfile="/nowhere"), ListenOptions(certfile="/etc/hostname")],
)
def test_a_certificate_that_cannot_be_loaded_is_named(options):
    with pytest.raises(ConfigError, match=r"certfile|/nowhere|/etc/hostname"):
        sockets.check_certificate(options)


def test_sockets_that_systemd_passed_to_another_process_are_ignored(monkeypatch):
    monkeypatch.setenv("LISTEN_PID", str(os.getpid() + 1))
    monkeypatch.setenv("LISTEN_FDS", "1")

    [own] = sockets.sockets(ListenOptions(port=0))

    assert own.fileno() != sockets.FIRST_FD or own.getsockname()[0] == "127.0.0.1"
    assert "LISTEN_FDS" not in os.environ
    own.close()


# Idle exit


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_the_idle_time_starts_at_the_last_request_that_is_not_polling():
    clock = Clock()
    idle = server.IdleShutdown(60, clock)
    request, polls = {"path": "/"}, [{"path": "/live/jobs"}, {"path": "/live/run/nightly-1"}]

    clock.now = 50
    idle.count_request(request, +1)
    clock.now = 500
    under_way = idle.seconds_left()
    idle.count_request(request, -1)
    clock.now = 540
    for poll in polls:  # an open page polls even when it is not being read
        idle.count_request(poll, +1)
        idle.count_request(poll, -1)

    assert (under_way, idle.seconds_left()) == (60, 20)


@pytest.mark.parametrize("idle", ["15", "soon", "-1m", ""])
def test_an_invalid_idle_time_is_named(idle):
    with pytest.raises(ConfigError, match="--idle"):
        server._seconds(idle)


def test_with_idle_0_the_server_never_exits():
    assert server._seconds("0") is None
