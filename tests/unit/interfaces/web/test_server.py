"""Where the web interface listens, what it says when it opens, when it goes; its token."""

import os
import socket
import stat

import pytest

from scheduled.errors import ConfigError, StateError
from scheduled.interfaces.web import server, sockets, tokens
from scheduled.interfaces.web.rate_limit import PEERS, Buckets, Rate
from scheduled.interfaces.web.sockets import ListenOptions

KEY = tokens.Key("a-token-of-more-than-thirty-two-characters")


@pytest.fixture
def state(tmp_path):
    tmp_path.chmod(0o700)
    return tmp_path


# The token


def test_the_token_is_made_once_for_its_owners_eyes(state):
    first, second = tokens.key(state), tokens.key(state)

    assert first.token == second.token == (state / "web-token").read_text().strip()
    assert len(first.token) >= 43  # 256 bits
    assert stat.S_IMODE((state / "web-token").stat().st_mode) == 0o600


def test_a_new_token_makes_another_cookie(state):
    old, new = tokens.key(state), tokens.renew(state)

    assert (new.is_token(old.token), new.is_session(old.session)) == (False, False)
    assert tokens.key(state).is_token(new.token)
    assert stat.S_IMODE((state / "web-token").stat().st_mode) == 0o600


def test_an_interface_that_runs_follows_the_file(state):
    tokens.key(state)
    file = tokens.KeyFile(state)
    first = file.key()

    assert file.key() is first  # nothing is read anew for nothing
    renewed = tokens.renew(state)
    assert file.key().is_token(renewed.token) and not file.key().is_token(first.token)


def test_a_file_that_is_gone_is_no_new_token_and_none_is_made_unasked(state):
    tokens.key(state)
    file = tokens.KeyFile(state)
    first = file.key()
    (state / "web-token").unlink()

    assert file.key() is first
    assert not (state / "web-token").exists()
    assert file.key().token != tokens.renew(state).token
    assert not file.key().is_token(first.token)


def test_no_older_key_opens_while_the_file_can_not_be_trusted(state):
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
def test_a_token_that_others_can_reach_is_refused_with_the_fix(state, mode):
    tokens.key(state)
    (state / "web-token").chmod(mode)

    with pytest.raises(ConfigError, match="chmod 600"):
        tokens.key(state)


def test_a_token_that_could_be_guessed_is_refused(state):
    (state / "web-token").write_text("secret\n")
    (state / "web-token").chmod(0o600)

    with pytest.raises(ConfigError, match="--new-token"):
        tokens.key(state)


def test_a_token_that_cannot_be_written_is_said(state):
    with pytest.raises(StateError, match="web-token"):
        tokens.key(state / "nowhere")


# Rates


def test_a_bucket_fills_up_again_to_its_brim_and_no_further():
    buckets = Buckets(Rate(2, 60))

    assert [buckets.take("a", 0) for _ in range(3)] == [0, 0, 1]
    assert [buckets.take("a", 100) for _ in range(3)] == [0, 0, 1]
    assert buckets.take("b", 100) == 0


def test_a_crowd_of_peers_takes_no_more_room_than_is_set():
    buckets = Buckets(Rate(1, 1))
    for peer in range(3 * PEERS):
        buckets.take(str(peer), 0)

    assert len(buckets._left) == PEERS
    assert buckets.take(str(3 * PEERS - 1), 0) > 0  # the newest are the ones remembered


# Where it listens


def opened(place):
    found = sockets.sockets(place)
    address = sockets.server_address(KEY, place, found)
    for one in found:
        one.close()
    return address


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_on_loopback_it_answers_to_loopback_names_alone(host):
    address = opened(ListenOptions(host=host, port=0))

    assert address.names == {"127.0.0.1", "::1", "localhost"}
    assert (address.exposed, address.secure) == (False, False)
    assert "WARNING" not in server.announce(address, ListenOptions(host=host))


def test_open_to_the_network_without_tls_the_warning_frames_the_address():
    place = ListenOptions(host="0.0.0.0", port=0, names=("box.lan",))
    address = opened(place)

    first, *middle, last = server.announce(address, place).split("scheduled web:")
    assert address.exposed and {"box.lan", socket.gethostname().lower()} <= address.names
    assert "NOT ENCRYPTED" in first and "NOT ENCRYPTED" in (middle or [last])[-1] + last


def test_with_tls_there_is_nothing_to_warn_of():
    place = ListenOptions(host="0.0.0.0", port=0, certfile="there")

    assert "WARNING" not in server.announce(opened(place), place)
    assert server.announce(opened(place), place).startswith("scheduled web: https://")


def test_a_port_that_is_taken_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = ListenOptions(port=taken.getsockname()[1])

        with pytest.raises(ConfigError, match="--port choose another"):
            sockets.sockets(place)


@pytest.mark.parametrize(
    "place",
    [ListenOptions(keyfile="x"), ListenOptions(certfile="/nowhere"), ListenOptions(certfile="/etc/hostname")],
)
def test_a_certificate_that_is_none_is_named(place):
    with pytest.raises(ConfigError, match=r"certfile|/nowhere|/etc/hostname"):
        sockets.check_certificate(place)


def test_what_systemd_handed_to_another_process_is_not_ours(monkeypatch):
    monkeypatch.setenv("LISTEN_PID", str(os.getpid() + 1))
    monkeypatch.setenv("LISTEN_FDS", "1")

    [own] = sockets.sockets(ListenOptions(port=0))

    assert own.fileno() != sockets.FIRST_FD or own.getsockname()[0] == "127.0.0.1"
    assert "LISTEN_FDS" not in os.environ
    own.close()


# When it goes


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_it_stays_for_as_long_as_somebody_asks():
    clock = Clock()
    idle = server.IdleShutdown(60, clock)
    asked, looked = {"path": "/"}, {"path": "/live/jobs"}

    clock.now = 50
    idle.heard(asked, +1)
    clock.now = 500
    under_way = idle.left()
    idle.heard(asked, -1)
    clock.now = 540
    idle.heard(looked, +1)  # a page that nobody may be looking at
    idle.heard(looked, -1)

    assert (under_way, idle.left()) == (60, 20)


@pytest.mark.parametrize("idle", ["15", "soon", "-1m", ""])
def test_an_idle_time_that_is_none_is_named(idle):
    with pytest.raises(ConfigError, match="--idle"):
        server._seconds(idle)


def test_with_idle_0_it_never_goes():
    assert server._seconds("0") is None
