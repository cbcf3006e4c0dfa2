"""The services under measurement: started as their users start them, asked over HTTP, stopped."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
TIMEOUTS = 20.0
IMPORT_PATIENCE = 600.0
LAST_WORDS = 2000
PASSWORD = "correct horse battery staple"

Headers = dict[str, str]


class Service:
    """One process that listens on a free port of 127.0.0.1; its log is a file in `folder`."""

    def __init__(self, name: str, folder: Path, *command: Any, base: str = "", auth: Headers | None = None) -> None:
        self.name, self.folder, self.command = name, folder, command
        self.base, self.auth = base, auth or {}
        self.environment: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """The seconds until it gave its first answer, whatever that was."""
        self.port = port_of_first_cpu()
        command = [sys.executable, *(str(self.port) if part == "PORT" else str(part) for part in self.command)]
        begin = time.perf_counter()
        log_path = self.folder / f"{self.name}.log"
        with log_path.open("ab") as log:
            environment = {**os.environ, **self.environment, "PORT": str(self.port)}
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        while True:
            try:
                self.ask("GET", "/items/1")
            except OSError:
                if self.process.poll() is not None or time.perf_counter() - begin > TIMEOUTS:
                    told = log_path.read_text(errors="replace")[-LAST_WORDS:]
                    raise SystemExit(f"{self.name} did not start. It said: {told}") from None
                time.sleep(0.01)
            else:
                return time.perf_counter() - begin

    def stop(self) -> None:
        """End it, orderly, if it runs."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(TIMEOUTS)

    def ask(
        self, method: str, path: str, headers: Headers | None = None, body: Any = None, patience: float = TIMEOUTS
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, JSON if it is some, and headers (their names in small letters) of one answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patience)
        try:
            connection.request(method, self.base + path, body, {**self.auth, **(headers or {})})
            response = connection.getresponse()
            text = response.read()
            names = {name.lower(): value for name, value in response.getheaders()}
            is_json = "json" in names.get("content-type", "") and "ndjson" not in names["content-type"]
            return response.status, json.loads(text) if is_json and text else text, names
        finally:
            connection.close()

    def run_on(self, cpus: Iterable[int]) -> None:
        """Let its threads, and those they start, run on these processors only (Linux)."""
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), cpus)

    def processes(self) -> list[psutil.Process]:
        """Its process, and those that it has started."""
        process = psutil.Process(self.process.pid)
        return [process, *process.children(recursive=True)]


def port_of_first_cpu() -> int:
    """A free port at which Stockroom keeps to the first processor."""
    cpus = os.cpu_count() or 1
    for port in range(20000 - 20000 % cpus, 30000, cpus):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise SystemExit("no port is free")


class Stockroom(Service):
    """The service itself, by `python run.py`, without limits of requests; on SQLite unless settings say otherwise."""

    def __init__(self, folder: Path, name: str = "Stockroom", **settings: str) -> None:
        super().__init__(name, folder, ROOT / "run.py", base="/api/v1")
        self.environment = {
            "INSTANCE_PATH": str(folder / name.replace(" ", "-").replace(",", "").replace("=", "-")),
            "ADMIN_PASSWORD": PASSWORD,
            "DATABASE_URL": "",
            "HOST": "",
            "RATE_LIMIT": "",
            "LOGIN_RATE_LIMIT": "",
            **settings,
        }
        self.basic = {"Authorization": "Basic " + b64encode(f"admin:{PASSWORD}".encode()).decode()}

    def sign_in(self) -> None:
        """Get a token, to be sent from now on."""
        scopes = ["items:read", "items:write", "stock:write"]
        headers = {**self.basic, "Content-Type": "application/json"}
        status, answer, _ = self.ask("POST", "/tokens", headers, json.dumps({"name": "bench", "scopes": scopes}))
        if status != 201:
            raise SystemExit(f"no token: {status} {answer}")
        self.auth = {"Authorization": f"Bearer {answer['token']}"}

    def take_in(self, items: Iterable[dict[str, Any]], outcome: str) -> float:
        """Import these items at once, each of which must be `created` or `unchanged`; the seconds it took."""
        lines = [json.dumps(item) for item in items]
        headers = {"Content-Type": "application/x-ndjson"}
        body = "\n".join(lines).encode()
        begin = time.perf_counter()
        status, answer, _ = self.ask("POST", "/items/import", headers, body, IMPORT_PATIENCE)
        seconds = time.perf_counter() - begin
        if status != 200 or answer[outcome] != len(lines):
            raise SystemExit(f"the import went wrong: {status} {str(answer)[:500]}")
        return seconds

    def give_out(self) -> float:
        """Export all items; the rows a second."""
        begin = time.perf_counter()
        _, text, _ = self.ask("GET", "/items/export", {"Accept": "application/x-ndjson"}, patience=IMPORT_PATIENCE)
        return text.count(b"\n") / (time.perf_counter() - begin)
