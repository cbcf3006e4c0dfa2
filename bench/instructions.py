"""How many instructions a request takes: in one process, without a network, as a multiple of an empty Flask-RESTful's.

`python bench/instructions.py` counts with callgrind, of valgrind, and compares with the figures of
bench/instructions.json. Its exit status is 1 where one rose by more than ALLOWED; `--write` writes the file anew.
It needs valgrind and a C compiler.
Unlike a time, such a figure does not depend on what else the machine does: it repeats within one part in a hundred.
It counts what the process itself executes, and not what the kernel does for it, like writing to the disk.
"""

import argparse
import ctypes
import gc
import io
import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

BENCH = Path(__file__).resolve().parent
FIGURES = BENCH / "instructions.json"
ALLOWED = 0.05
ITEMS = 2000
WARM_UP, CALLS = 30, 25
# Each work is counted so often, and the least counts: what is done once in a while falls into one of them.
ROUNDS = 3
HELLO = "hello"
SUMMARY = re.compile(rb"^desc: Trigger: Client Request: (.+)\n(?:.*\n)*?(?:summary|totals): (\d+)", re.MULTILINE)

Request = dict[str, Any]


def main() -> int:
    """Count, print a table, and compare or write; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the figures instead of comparing them")
    parser.add_argument("--within", metavar="FOLDER", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.within:
        measure(arguments.within)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        counted = count_in(Path(folder))
    ratios = {work: round(number / counted[HELLO], 2) for work, number in counted.items()}
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    if arguments.write:
        FIGURES.write_text(json.dumps({"python": python, "x hello": ratios}, indent=4) + "\n", encoding="utf-8")
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    before = figures["x hello"]
    say(f"{'':28}{'instructions':>14}{'x hello':>10}{'before':>10}")
    for work, ratio in ratios.items():
        say(f"{work:28}{counted[work]:14,}{ratio:10.2f}{before.get(work, 0):10.2f}")
    if figures["python"] != python:
        say(f"Those before are of Python {figures['python']}, this is {python}: they can't be compared.")
        return 0
    risen = [work for work, ratio in ratios.items() if ratio > before.get(work, 0) * (1 + ALLOWED)]
    if risen:
        say(
            f"More than {ALLOWED:.0%} above bench/instructions.json: {', '.join(risen)}. Where that is wanted, --write."
        )
    return 1 if risen else 0


def count_in(folder: Path) -> dict[str, int]:
    """Return the instructions of one request of each work, counted in a process of its own."""
    library = folder / "callgrind.so"
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, BENCH / "callgrind.c"], check=True)
    valgrind = ("valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/counted")
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    command = [*valgrind, sys.executable, __file__, "--within", str(folder)]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    in_order = sorted(folder.glob("counted.*"), key=lambda file: int(file.suffix[1:]))
    found = [SUMMARY.search(file.read_bytes()) for file in in_order]
    counted: dict[str, int] = {}
    for match in filter(None, found):
        work, number = match[1].decode(), int(match[2]) // CALLS
        counted[work] = min(number, counted.get(work, number))
    return counted


def measure(folder: Path) -> None:
    """Send the requests of each work, counted by the callgrind in which this process runs."""
    callgrind = ctypes.CDLL(str(folder / "callgrind.so"))
    for work, app, request in works(folder):
        for warm_up in (WARM_UP, *[0] * (ROUNDS - 1)):
            requests = [request() for _ in range(warm_up + CALLS)]
            for each in requests[:warm_up]:
                send(app, each)
            gc.collect()
            gc.freeze()
            callgrind.begin()
            for each in requests[warm_up:]:
                send(app, each)
            callgrind.end(work.encode())


def works(folder: Path) -> Iterator[tuple[str, WSGIApplication, Callable[[], Request]]]:
    """Yield each work: its name, the application that is asked, and a function that makes the next request."""
    sys.path[:0] = [str(BENCH.parent), str(BENCH / "peers")]
    import limits  # noqa: PLC0415 - not needed by the process that only starts valgrind

    yield HELLO, limits.hello(), lambda: environ("GET", "/")
    app, token = stockroom(folder)
    numbers = count(1)
    move = {"kind": "receive", "quantity": 1, "reason": "delivery"}

    def ask(method: str, path: str, body: Any = None, **headers: str) -> Request:
        return environ(method, f"/api/v1{path}", body, Authorization=f"Bearer {token}", **headers)

    def item() -> str:
        return f"/items/{next(numbers) * 7 % ITEMS + 1}"

    path = item()
    tag = dict(send(app, ask("GET", path)))["ETag"]
    yield "GET item", app, lambda: ask("GET", item())
    yield "GET item, unchanged (304)", app, lambda: ask("GET", path, If_None_Match=tag)
    yield "GET list of 50", app, lambda: ask("GET", f"/items?page={next(numbers) % 20 + 1}")
    yield "GET list of 50 by cursor", app, lambda: ask("GET", "/items?cursor=")
    yield "POST movement", app, lambda: ask("POST", f"{item()}/movements", move)
    yield (
        "POST movement, keyed",
        app,
        lambda: ask("POST", f"{item()}/movements", move, Idempotency_Key=str(next(numbers))),
    )
    yield "PATCH item", app, lambda: ask("PATCH", item(), {"reorder_level": next(numbers)})
    yield "POST item", app, lambda: ask("POST", "/items", {"sku": f"NEW-{next(numbers)}", "name": "Desk lamp"})
    for number in range(9):
        send(app, ask("POST", "/locations", {"code": f"L{number}"}))
        send(app, ask("POST", f"{path}/movements", {**move, "location": f"L{number}"}))
    yield "GET item in ten locations", app, lambda: ask("GET", path)
    yield "POST movement, ten locations", app, lambda: ask("POST", f"{path}/movements", move)
    yield "POST movement at the tenth", app, lambda: ask("POST", f"{path}/movements", {**move, "location": "L8"})
    reserved = {"reservations": [{"item_id": int(path.rpartition("/")[2]), "quantity": 1, "reason": "order"}]}
    yield "POST reservation", app, lambda: ask("POST", "/reservations", reserved)
    yield "GET item that is reserved", app, lambda: ask("GET", path)
    yield "POST movement, reserved", app, lambda: ask("POST", f"{path}/movements", {**move, "kind": "issue"})


def stockroom(folder: Path) -> tuple[WSGIApplication, str]:
    """Return the service on SQLite with ITEMS items, without limits of requests, and a token of its first admin."""
    from stock import items  # noqa: PLC0415

    from api.monitoring.logs import init_logs  # noqa: PLC0415
    from app import create_app  # noqa: PLC0415
    from models.people.token import ApiToken  # noqa: PLC0415
    from models.people.user import User  # noqa: PLC0415
    from models.principal import SCOPES  # noqa: PLC0415
    from settings import Settings  # noqa: PLC0415
    from startup import prepare  # noqa: PLC0415

    sys.stdout = io.StringIO()  # where the access log is written
    settings = Settings.from_env({"INSTANCE_PATH": str(folder / "instance"), "RATE_LIMIT": "", "CPU_AFFINITY": "off"})
    init_logs(settings.log_level, settings.log_format)
    app = create_app(settings)
    prepare(app, settings)
    with app.app_context():
        from models.database.base import db  # noqa: PLC0415

        user = next(iter(db.session.scalars(db.select(User))))
        token = ApiToken.issue(user_id=user.id, name="bench", scopes=sorted(SCOPES), expires_in_days=None).secret
        db.session.commit()
    lines = "".join(json.dumps(each) + "\n" for each in items(1, ITEMS))
    imported = environ("POST", "/api/v1/items/import", lines, Authorization=f"Bearer {token}")
    send(app, {**imported, "CONTENT_TYPE": "application/x-ndjson"})
    return app, token


def environ(method: str, path: str, body: Any = None, **headers: str) -> Request:
    """Return the WSGI environment of a request, as the server would make it."""
    sent = b"" if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
    path, _, query = path.partition("?")
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.input": io.BytesIO(sent),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **({"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(sent))} if sent else {}),
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }


def send(app: WSGIApplication, request: Request) -> list[tuple[str, str]]:
    """Send a request and read the whole response; return its headers, or end the program where it is an error."""
    answer: list[Any] = []
    body = app(request, lambda *begun: answer.extend(begun))
    content = b"".join(body)
    with suppress(AttributeError):
        body.close()
    if answer[0] >= "4":
        raise SystemExit(f"{request['REQUEST_METHOD']} {request['PATH_INFO']}: {answer[0]} {content.decode()}")
    return list(answer[1])


def say(line: str) -> None:
    """Print a line of the table."""
    print(line)


if __name__ == "__main__":
    sys.exit(main())
