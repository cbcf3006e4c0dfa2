"""The resolver of the system in the hands of a test: which addresses a name has, look-up by look-up."""

import socket
from typing import Any

import pytest


def has_addresses(patch: pytest.MonkeyPatch, host: str, *lookups: list[str]) -> list[str]:
    """Give a name the addresses of the first list at the first look-up, and so on; the last list stays.

    Other names are looked up as ever. Returns the list of the look-ups of this name, which grows.
    """
    look_up, done = socket.getaddrinfo, list[str]()

    def answer(name: str, port: int, *args: Any, **options: Any) -> list[Any]:
        if name != host:
            return list(look_up(name, port, *args, **options))
        done.append(name)
        return [
            each
            for address in lookups[min(len(done), len(lookups)) - 1]
            for each in look_up(address, port, *args, **options)
        ]

    patch.setattr("socket.getaddrinfo", answer)
    return done
