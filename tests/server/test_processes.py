"""Several processes on one port (PROCESSES): they are there, come again, stop together, and leave nothing behind."""

import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

import run
from server import processes
from server.affinity import ALLOWED_CPUS
from server.processes import FIRST_PAUSE, LONGEST_PAUSE, Processes, Share
from server.sockets import listening_sockets
from settings import Settings, SettingsError
from startup import log_cautions
from tests.support.program import PASSWORD, SOON, STOP, Program, program

ITEM = {"sku": "LAMP-1", "name": "Desk lamp", "quantity": 5}
BASIC = "Basic YWRtaW46Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ=="
KILL = signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM  # which Windows has no other of


class Service:
    """A service of two processes, whose log is read while it runs."""

    def __init__(self, running: Program, temporary: Path) -> None:
        assert len(running.said) == 4, running.said
        self.running = running
        self.temporary = temporary
        self.address = urlsplit(running.address)
        self.lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.running.process.stderr is not None
        self.lines.extend(iter(self.running.process.stderr.readline, ""))

    def pid(self, number: int, but: int | None = None) -> int:
        """The id of the process of this number, once it serves; one that is not `but`."""
        found: list[str] = []

        def serves() -> bool:
            found[:] = re.findall(rf"process {number} serves \(pid (\d+)\)", "".join(self.lines))
            return bool(found) and int(found[-1]) != but

        until(serves)
        return int(found[-1])

    def kill(self, number: int) -> int:
        """Kill the process of this number; its id."""
        pid = self.pid(number)
        os.kill(pid, KILL)
        return pid

    def connect(self) -> HTTPConnection:
        return HTTPConnection(self.address.netloc, timeout=SOON)

    def refuses_connections(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((str(self.address.hostname), self.address.port)) != 0

    def metric(self, name: str) -> float:
        with urlopen(f"{self.running.address}/metrics", timeout=SOON) as answer:  # noqa: S310 - it is our own service
            lines = answer.read().decode().splitlines()
        return float(next(line for line in lines if line.startswith(name)).rpartition(" ")[2])


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[Service]:
    """Two processes serve while the block runs; what they have in temporary files is in a folder of its own."""
    temporary = folder / "temporary"
    temporary.mkdir()
    given = {"INSTANCE_PATH": str(folder / "instance"), "PORT": "0", "PROCESSES": "2", "ADMIN_PASSWORD": PASSWORD}
    given |= {"TMPDIR": str(temporary), "TEMP": str(temporary)}
    with program(read_errors=True, **given, **settings) as running:
        running.said  # noqa: B018 - it is read before the log, or the start has failed
        service = Service(running, temporary)
        service.pid(2)
        yield service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service that the test ends."""
    with serving(tmp_path) as service:
        yield service


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that goes on after each test."""
    with serving(tmp_path_factory.mktemp("lasting"), RATE_LIMIT="") as service:
        yield service


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_process_that_is_killed_is_missed_by_nobody_and_comes_again(lasting: Service) -> None:
    assert "; 2 processes)" in lasting.running.said[0]
    assert lasting.running.ask("POST", "/items", ITEM).status == 201
    for number in (1, 2):
        killed = lasting.kill(number)
        answers = [lasting.running.ask("GET", "/items/by-sku/lamp-1") for _ in range(5)]
        lasting.pid(number, but=killed)

        assert [(each.status, each.json["quantity"]) for each in answers] == [(200, 5)] * 5
        assert f"process {number} (pid {killed}) has ended with status" in "".join(lasting.lines)
    assert lasting.running.ask("GET", "/users").json["total_items"] == 1


def test_a_killed_process_takes_no_count_with_it(lasting: Service) -> None:
    counted = 'stockroom_http_requests_total{method="GET",route="/livez",status="200"}'
    for _ in range(10):
        urlopen(f"{lasting.running.address}/livez", timeout=SOON).close()  # noqa: S310 - it is our own service
    before = lasting.metric(counted)
    for number in (1, 2):
        lasting.pid(number, but=lasting.kill(number))

    assert before == 10
    assert lasting.metric(counted) == 10


def test_what_one_process_has_revoked_opens_nothing_in_any(lasting: Service) -> None:
    made = lasting.running.ask("POST", "/tokens", {"name": "script", "scopes": ["items:read"]}).json

    def statuses() -> set[int]:
        found = set()
        for client in clients:
            client.request("GET", "/api/v1/items", headers={"Authorization": f"Bearer {made['token']}"})
            with client.getresponse() as answer:
                answer.read()
                found.add(answer.status)
        return found

    with ExitStack() as closes:
        clients = [closes.enter_context(closing(lasting.connect())) for _ in range(8)]  # some at each process
        before = statuses()
        revoked = lasting.running.ask("DELETE", f"/tokens/{made['id']}")

        assert (before, revoked.status) == ({200}, 204)
        assert statuses() == {401}


@pytest.mark.skipif(len(ALLOWED_CPUS) < 2, reason="there is one CPU, or this system lets nobody choose")
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells where the threads of another process may run")
def test_each_process_has_a_cpu_of_its_own(lasting: Service) -> None:
    assert lasting.running.ask("GET", "/items").status == 200
    cpus = []
    for number in (1, 2):
        tasks = Path(f"/proc/{lasting.pid(number)}/task").iterdir()
        allowed = [re.search(r"Cpus_allowed_list:\s*(\S+)", (task / "status").read_text()) for task in tasks]
        cpus.append({each[1] for each in allowed if each and each[1].isdigit()})

    assert [len(each) for each in cpus] == [1, 1]
    assert cpus[0] != cpus[1]


def begin_post(service: Service, body: bytes) -> HTTPConnection:
    """A request of which the head has been read."""
    client = service.connect()
    client.putrequest("POST", "/api/v1/items")
    for name, value in {"Authorization": BASIC, "Content-Type": "application/json", "Expect": "100-continue"}.items():
        client.putheader(name, value)
    client.putheader("Content-Length", str(len(body)))
    client.endheaders()
    assert client.sock.recv(100).startswith(b"HTTP/1.1 100 ")
    return client


@pytest.mark.parametrize("to_all", [False, True], ids=["stop", "ctrl+c"])
def test_a_stop_answers_the_requests_under_way_and_leaves_nothing(service: Service, to_all: bool) -> None:
    if to_all and sys.platform == "win32":
        pytest.skip("Ctrl+C reaches every process of a console on Windows, this one too")
    bodies = [b'{"sku": "%d", "name": "Desk lamp"}' % number for number in range(4)]
    service.running.ask("GET", "/items")
    with ExitStack() as closes:
        clients = [closes.enter_context(closing(begin_post(service, body))) for body in bodies]
        service.running.send(signal.SIGINT if to_all else STOP)
        if to_all:  # a terminal sends it to every process
            for number in (1, 2):
                os.kill(service.pid(number), signal.SIGINT)
        for client, body in zip(clients, bodies, strict=True):
            client.send(body)

        assert [client.getresponse().status for client in clients] == [201] * 4
    assert service.running.wait() == 0
    assert service.refuses_connections()
    assert list(service.temporary.iterdir()) == []
    assert "Traceback" not in "".join(service.lines)
    assert "has ended" not in "".join(service.lines)


def test_a_stop_while_the_others_are_started_is_one_too(tmp_path: Path) -> None:
    settings = {"INSTANCE_PATH": str(tmp_path), "PORT": "0", "PROCESSES": "3", "ADMIN_PASSWORD": PASSWORD}
    with program(read_errors=True, **settings) as running:
        assert len(running.said) == 4

        assert running.stop() == 0
        assert "Traceback" not in running.errors()


def test_a_second_stop_ends_all_at_once(service: Service) -> None:
    service.running.ask("GET", "/items")
    with closing(begin_post(service, b'{"sku": "1"}')):  # and the body never comes
        service.running.send(STOP)
        until(service.refuses_connections)
        service.running.send(STOP)

        assert service.running.wait() == 0
        until(lambda: "the processes that have not ended yet are killed" in "".join(service.lines))
        assert "connections still open" not in "".join(service.lines)  # which it says when its time is over


def test_no_process_outlives_its_parent(service: Service) -> None:
    service.running.ask("GET", "/items")
    service.running.process.kill()

    until(service.refuses_connections)
    if sys.platform != "win32":  # which deletes no file that is mapped into memory
        until(lambda: list(service.temporary.glob("stockroom-*")) == [])


def ends_at_once(_: Share) -> None:
    """A process that can't do what it is for."""
    sys.exit(3)


def test_what_the_first_process_can_not_do_is_not_tried_by_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    announced: list[None] = []
    tried = []
    start = processes._Child._start
    monkeypatch.setattr(processes._Child, "_start", lambda child: tried.append(child._number + 1) or start(child))
    running = Processes(ends_at_once, listening_sockets("127.0.0.1", 0), 2)

    status = running.run(lambda: announced.append(None))

    assert (status, announced) == (1, [])
    assert tried == [1]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    clock = SimpleNamespace(now=1000.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(processes, "time", clock)
    return clock


class Failing:
    """What starts processes that have all ended by the time that somebody looks; one of them can't even start."""

    started = 0

    def __init__(self, **_: Any) -> None:
        self.pid, self.exitcode = 1, 3

    def start(self) -> None:
        Failing.started += 1
        if Failing.started == 3:
            raise BlockingIOError("no more processes are allowed")

    def is_alive(self) -> bool:
        return False


def test_a_process_that_fails_again_and_again_is_started_more_and_more_rarely(
    clock: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pipe = SimpleNamespace(close=lambda: None)
    monkeypatch.setattr(processes, "SPAWN", SimpleNamespace(Pipe=lambda: (pipe, pipe), Process=Failing))
    child = processes._Child(ends_at_once, 0, [], [0])

    def pause_after(seconds: float) -> float:
        caplog.clear()
        child.keep_running()  # starts it
        if not caplog.records:
            clock.now += seconds
            child.keep_running()  # notes its end
        pause = float(caplog.records[0].args[-1])
        clock.now += pause * 0.99
        child.keep_running()
        assert child._process is None
        clock.now += pause * 0.02
        return pause

    pauses = [pause_after(1) for _ in range(8)]

    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert (pauses[0], pauses[-1]) == (FIRST_PAUSE, LONGEST_PAUSE)
    assert pause_after(processes.A_WHILE) == FIRST_PAUSE


@pytest.mark.parametrize(
    ("count", "settings", "warned"),
    [
        (2, {}, True),
        (1, {}, False),
        (2, {"RATE_LIMIT": "", "LOGIN_RATE_LIMIT": ""}, False),
        (2, {"RATE_LIMIT_STORAGE_URL": "redis://127.0.0.1:6379/0"}, False),
    ],
)
def test_limits_that_several_processes_count_each_for_itself_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, count: int, settings: dict[str, str], warned: bool
) -> None:
    log_cautions(Settings.from_env({"INSTANCE_PATH": str(tmp_path / "none"), **settings}), count)

    assert ["Redis" in record.getMessage() for record in caplog.records] == [True] * warned


def test_metrics_that_have_no_place_are_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run, "make_files", refuse)

    with pytest.raises(SettingsError, match=r"^PROCESSES is 2, .* TMPDIR: .*No space left"), run.folder_for_metrics(2):
        pass
