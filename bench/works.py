"""The works that are measured: each a pile of requests, any of which is sent again and again."""

import json
import random
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from services import Headers, Service, Stockroom
from stock import word

POOL = 1000
PAGES = 100
DEPTHS = 20
CHECKED = 5
FEED_STEPS = 100
JSON = {"Content-Type": "application/json"}
# In its place, wrk.lua writes another key in each request.
KEY = "KEY-OF-THIS-REQUEST"


class WrongAnswer(Exception):
    """A service did not do what it was asked to."""


@dataclass(frozen=True)
class Work:
    """What is asked of the `services`, by how many connections.

    With `pinned`, those that do not keep to one processor by themselves are held to it from outside.
    """

    name: str
    services: list[Service]
    requests: dict[str, list[tuple[str, str, Headers, str]]] = field(repr=False)
    status: int = 200
    connections: int = 16
    pinned: bool = True

    def check(self, service: Service) -> None:
        """Ask some of the requests; raises WrongAnswer if an answer is not what it must be."""
        for method, path, headers, body in random.choices(self.requests[service.name], k=CHECKED):
            fields = {name: value.replace(KEY, secrets.token_hex(8)) for name, value in headers.items()}
            status, answer, _ = service.ask(method, path, fields, body)
            if status != self.status:
                raise WrongAnswer(f"{method} {path}: {status} {str(answer)[:300]}")

    def lua(self, service: Service) -> str:
        """The requests as bytes on the wire, in a Lua table."""
        lines = [f"{json.dumps(raw(service, *request))},\n" for request in self.requests[service.name]]
        return f"return {{\n{''.join(lines)}}}\n"


def raw(service: Service, method: str, path: str, headers: Headers, body: str) -> str:
    """One request of HTTP/1.1."""
    fields = {"Host": f"127.0.0.1:{service.port}", **service.auth, **headers}
    if body:
        fields["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {service.base}{path} HTTP/1.1\r\n{head}\r\n{body}"


def gets(paths: Iterable[str], headers: Headers | None = None) -> list[tuple[str, str, Headers, str]]:
    """GET each of these paths."""
    return [("GET", path, headers or {}, "") for path in paths]


class Cast(NamedTuple):
    """Who is measured: Stockroom, which keeps to one processor; the others by what differs; the peers; the limits."""

    stockroom: Stockroom
    loose: Stockroom
    processes: Stockroom
    postgresql: Stockroom
    peers: list[Service]
    bare: Service
    hello: Service

    @property
    def everyone(self) -> list[Service]:
        """All of them."""
        return [self.stockroom, self.loose, self.processes, self.postgresql, *self.peers, self.bare, self.hello]


def works(cast: Cast, items: int) -> Iterator[Work]:
    """All works; the items read are of the lower half and those moved of the upper, so that ETags hold.

    Pinned is compared with pinned: each of them has one processor. What is free has all of them.
    """
    stockroom, loose, processes, postgresql, peers, bare, hello = cast
    all_of_us: list[Service] = [stockroom, loose, processes, postgresql, *peers]
    pinned: list[Service] = [stockroom, postgresql, *peers]
    free: list[Service] = [loose, processes, *peers]
    dice = random.Random(1)
    paths = [f"/items/{dice.randint(1, items // 2)}" for _ in range(POOL)]
    one = {each.name: gets(paths) for each in all_of_us} | {each.name: gets(["/"]) for each in (bare, hello)}
    lists = {each.name: gets(f"/items?page={page}" for page in range(1, PAGES + 1)) for each in all_of_us}
    movement = json.dumps({"kind": "receive", "quantity": 1, "reason": "delivery"})
    moved = [f"/items/{dice.randint(items // 2 + 1, items)}/movements" for _ in range(POOL)]
    moves = {each.name: [("POST", path, JSON, movement) for path in moved] for each in all_of_us}
    keyed = {**JSON, "Idempotency-Key": KEY}
    tags = [{"If-None-Match": stockroom.ask("GET", path)[2]["etag"]} for path in paths[: POOL // 5]]
    known = [request for path, tag in zip(paths, tags, strict=False) for request in gets([path], tag)]

    yield Work("GET one", [*pinned, hello, bare], one)
    yield Work("GET one, HTTP Basic", [stockroom], {stockroom.name: gets(paths, stockroom.basic)})
    yield Work("GET one, unchanged (304)", [stockroom], {stockroom.name: known}, status=304)
    yield Work("list of 50", pinned, lists)
    yield Work("POST one movement", pinned, moves, status=201, connections=8)
    with_key = {stockroom.name: [("POST", path, keyed, movement) for path in moved]}
    yield Work("POST one movement, Idempotency-Key", [stockroom], with_key, status=201, connections=8)
    yield Work("GET one, free", [*free, hello], one, pinned=False)
    yield Work("list of 50, free", free, lists, pinned=False)
    yield Work("POST one movement, free", free, moves, status=201, connections=8, pinned=False)
    yield Work("GET one, 64 connections, free", [*free, hello], one, connections=64, pinned=False)
    yield Work("GET one, 256 connections, free", [*free, hello], one, connections=256, pinned=False)
    yield Work("GET one, 256 connections", [stockroom, hello], one, connections=256)


def growing_works(sizes: dict[Stockroom, int]) -> Iterator[Work]:
    """The pages whose cost must not follow the number of items."""
    services: list[Service] = list(sizes)
    cursors = {each: pages_at_depths(each, "/items", number) for each, number in sizes.items()}
    ledgers = {each: pages_at_depths(each, "/movements", number) for each, number in sizes.items()}
    yield Work("page of items by cursor", services, {each.name: gets(paths) for each, paths in cursors.items()})
    yield Work("page of the ledger by cursor", services, {each.name: gets(paths) for each, paths in ledgers.items()})
    yield Work("page of the feed", services, {each.name: gets(feed_pages(each)) for each in sizes})
    words = {each: (word(random.randint(1, number)) for _ in range(POOL)) for each, number in sizes.items()}
    yield Work(
        "search for a word", services, {each.name: gets(f"/items?q={w}" for w in ws) for each, ws in words.items()}
    )


def pages_at_depths(service: Service, path: str, rows: int) -> list[str]:
    """Pages of 50 by cursor, from the first to the last."""
    last = rows // 50 - 1
    pages = [service.ask("GET", f"{path}?limit=50&page={1 + last * step // DEPTHS}")[1] for step in range(DEPTHS)]
    return [f"{path}?limit=50&cursor={page['next_cursor']}" for page in pages]


def feed_pages(service: Service) -> list[str]:
    """Pages of 50 events, from the first on."""
    cursor, paths = "", []
    for _ in range(FEED_STEPS):
        page = service.ask("GET", f"/events?limit=1000&since={cursor}")[1]
        if not page["has_more"]:
            break
        cursor = page["next_cursor"]
        paths.append(f"/events?limit=50&since={cursor}")
    return paths
