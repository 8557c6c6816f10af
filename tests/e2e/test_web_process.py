"""`scheduled web` as a process: its address, its token, its idle exit, sockets of systemd, and TLS."""

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import pytest

from tests.fixtures.world import ENTRY

JOBS = """
timezone = "UTC"
[jobs.hello]
command = "echo hello"
"""


@pytest.fixture
def web(world):
    """Return a function that starts a server and returns its process and the lines that it prints at its start."""
    world.configure(JOBS)
    started = []

    def start(*arguments, through=(), **options):
        command = [*through, *world.command("web", *arguments)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)
        started.append(process)
        printed = ""
        while "?token=" not in printed:
            line = process.stderr.readline()
            assert line, f"it ended after printing: {printed}"
            printed += line
        return process, printed

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture
def token(world):
    """Return a function that returns the access token."""
    return lambda: (world.state / "web-token").read_text().strip()


def address_in(printed):
    """Return the address without a path, and the one-time code, that the server *printed*."""
    return re.search(r"(https?://\S+)/\?token=(\S+)", printed).groups()


def fetch(printed, token, path="/api/jobs", **options):
    """Return the answer of the server at the address that it *printed*, to a program with *token*."""
    request = Request(address_in(printed)[0] + path, headers={"Authorization": f"Bearer {token}"})
    with urlopen(request, timeout=20, **options) as answer:
        return answer.read().decode()


def test_it_prints_its_address_and_answers_there(web, token):
    _, printed = web("--port", "0")

    assert printed.startswith("scheduled web: http://127.0.0.1:")
    assert '"hello"' in fetch(printed, token())


def test_the_token_and_the_code_are_in_no_log_and_in_no_process_list(web, world, token):
    process, printed = web("--port", "0")
    code = address_in(printed)[1]
    fetch(printed, token(), f"/?token={code}")
    with pytest.raises(HTTPError):
        fetch(printed, "", f"/nowhere?token={code}")
    process.terminate()

    texts = [process.stderr.read(), " ".join(map(str, process.args))]
    texts += [path.read_text() for path in world.state.glob("*.log")]
    assert token() not in printed
    assert not any(secret in text for secret in (token(), code) for text in texts)


def test_the_printed_address_signs_in_once(web):
    _, printed = web("--port", "0")
    address, code = address_in(printed)

    first = build_opener(HTTPCookieProcessor())
    with first.open(f"{address}/?token={code}", timeout=20) as answer:
        assert (answer.status, answer.url) == (200, f"{address}/")
    with pytest.raises(HTTPError, match="401"):
        build_opener(HTTPCookieProcessor()).open(f"{address}/?token={code}", timeout=20)
    with first.open(f"{address}/runs", timeout=20) as answer:
        assert answer.status == 200


def test_to_a_journal_it_prints_no_code_but_the_command_that_prints_one(world):
    world.configure(JOBS)
    ours, journal = socket.socketpair()
    with ours, journal:
        process = subprocess.Popen(
            world.command("web", "--port", "0"), stderr=journal, env=world.environment()
        )
        try:
            printed = ours.recv(4096).decode()
        finally:
            process.terminate()
            process.wait()

    port = re.search(r"http://127.0.0.1:(\d+)/", printed)[1]
    assert "token=" not in printed
    assert f"(`scheduled web --url --port {port}` prints the address that signs you in)" in printed
    assert list((world.state / "web-sign-in").glob("*")) == []


def test_a_running_server_refuses_the_old_token_and_the_old_code_after_a_new_token(web, world, token):
    _, printed = web("--port", "0")
    port = re.search(r":(\d+)/", printed)[1]
    old = token()
    fetch(printed, old)

    renewed = world.run("web", "--new-token", "--url", "--port", port).stdout.strip()

    with pytest.raises(HTTPError, match="401"):
        fetch(printed, old)
    with pytest.raises(HTTPError, match="401"):
        urlopen("?token=".join((address_in(printed)[0] + "/", address_in(printed)[1])), timeout=20)
    assert '"hello"' in fetch(renewed, token())
    with build_opener(HTTPCookieProcessor()).open(renewed, timeout=20) as answer:
        assert answer.status == 200


def test_a_token_that_other_users_may_read_is_refused_with_the_reason_in_the_output(web, world, token):
    process, printed = web("--port", "0")
    known = token()
    (world.state / "web-token").chmod(0o644)

    with pytest.raises(HTTPError, match="503") as refused:
        fetch(printed, known)
    assert str(world.state) not in refused.value.read().decode()
    process.terminate()
    assert "chmod 600" in process.stderr.read()


@pytest.mark.parametrize("path", ["/login", "/api/jobs"])
def test_a_client_that_leaves_before_its_request_is_complete_is_no_line_of_the_journal(web, token, path):
    process, printed = web("--port", "0")
    port = int(re.search(r":(\d+)/", printed)[1])
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
        f"Authorization: Bearer {token()}\r\nContent-Length: 100\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    )

    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(head.encode() + b"x")
    fetch(printed, token())  # the server has noticed the end of the other connection by then

    process.terminate()
    assert process.stderr.read() == ""


HANGING = """
import sys, time
from scheduled import service
from scheduled.__main__ import main
service.check = service.status = lambda *_: time.sleep(600)
sys.argv = ["scheduled", *sys.argv[sys.argv.index("--config") :]]
main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_a_signal_while_threads_hang(web, token, number):
    process, printed = web("--port", "0", through=(sys.executable, "-c", HANGING))
    port = int(re.search(r":(\d+)/", printed)[1])
    asked = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
    for client, path in zip(asked, ("/api/check", "/"), strict=True):
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token()}\r\n\r\n"
        client.sendall(head.encode())
    fetch(printed, token())

    process.send_signal(number)

    assert process.wait(timeout=60) == -number
    for client in asked:
        client.close()


def test_it_exits_when_it_is_idle(web, token):
    process, printed = web("--port", "0", "--idle", "2s")
    fetch(printed, token())
    last = time.monotonic()

    assert process.wait(timeout=20) == 0
    assert time.monotonic() - last >= 1.5


def test_a_socket_of_systemd_is_served_and_no_job_inherits_it(web, world, token):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        script = f'exec 3<&{listening.fileno()} {listening.fileno()}<&-; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'
        _, printed = web("--port", "9", through=("bash", "-c", script, "bash"), pass_fds=[listening.fileno()])
        port, inode = listening.getsockname()[1], os.fstat(listening.fileno()).st_ino

    assert f"http://127.0.0.1:{port}/" in printed
    count = f"ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c 'socket:.{inode}.'"
    world.configure(f'{JOBS}[jobs.count]\ncommand = "{count}; env"\n')
    address, _ = address_in(printed)
    request = Request(f"{address}/api/jobs/count/run?wait=30", b"", {"Authorization": f"Bearer {token()}"})
    with urlopen(request, timeout=40):
        pass
    output = json.loads(fetch(printed, token(), "/api/jobs/count/logs"))["output"]
    assert output.splitlines()[0] == "1"  # only the server has the socket, neither the job nor its tick
    assert "LISTEN_" not in output


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl (tests/run.sh installs it)")
def test_with_a_certificate_it_uses_tls_and_prints_no_warning(web, tmp_path, token):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    _, printed = web("--port", "0", "--host", "0.0.0.0", "--certfile", str(cert), "--keyfile", str(key))

    assert "WARNING" not in printed and "https://127.0.0.1" in printed
    assert '"hello"' in fetch(printed, token(), context=ssl.create_default_context(cafile=cert))


def test_exposed_without_tls_it_warns_in_its_output_and_on_every_page(web, token):
    _, printed = web("--port", "0", "--host", "0.0.0.0")

    assert printed.startswith("!!! WARNING")
    assert 'class="alarm"' in fetch(printed, token(), "/") and 'class="alarm"' in fetch(
        printed, token(), "/runs"
    )


def test_the_address_is_printed_again_on_demand(world):
    world.configure(JOBS)

    first, second = (world.run("web", "--url").stdout for _ in range(2))
    fresh = world.run("web", "--url", "--new-token").stdout

    assert len({first, second, fresh}) == 3
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/\?token=[\w-]{43}\n", first)


def test_the_port_that_an_address_assumes_is_named(world):
    world.configure(JOBS)

    assumed, given, none = (
        world.run("web", "--url", *more) for more in ((), ("--port", "8000"), ("--port", "0"))
    )

    assert "assumes that the server listens on port 8000; write the --host and --port" in assumed.stderr
    assert (given.stdout[:23], given.stderr) == ("http://127.0.0.1:8000/?", "")
    assert (none.returncode, none.stdout) == (2, "")
    assert "--port: a server that runs has no port 0" in none.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["--idle", "soon"], "--idle"), (["--host", "192.0.2.1"], "192.0.2.1 port"), (["--keyfile", "x"], "--certfile"),
     (["--certfile", "/nowhere.pem"], "/nowhere.pem"), (["--port", "70000"], "--port")],
)  # fmt: skip
def test_an_unusable_address_or_certificate_is_named(world, arguments, named):
    world.configure(JOBS)

    done = world.run("web", *arguments)

    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert named in done.stderr


def test_without_its_library_it_prints_the_command_that_installs_it(world):
    world.configure(JOBS)
    hidden = "import sys; sys.modules['starlette'] = None; from scheduled.cli.main import main; sys.argv = sys.argv[1:]; sys.exit(main())"

    done = subprocess.run(
        [sys.executable, "-c", hidden, *world.command("web")[1:]], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert (
        f" -m pip install --editable '{ENTRY.parents[1]}[web]'\n" in done.stderr
        and "Traceback" not in done.stderr
    )


def test_no_other_command_loads_the_libraries_of_the_interfaces(world):
    world.configure(JOBS)
    watched = "import sys; from scheduled.cli.main import main; sys.argv = sys.argv[1:]; main(); print(*sys.modules, file=sys.stderr)"

    done = subprocess.run(
        [sys.executable, "-c", watched, *world.command("status")[1:]],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "scheduled.queries.status" in done.stderr.split()
    assert not {"starlette", "uvicorn", "scheduled.interfaces.web"} & set(done.stderr.split())
