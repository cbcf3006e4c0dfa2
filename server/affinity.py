"""On which CPU the threads that serve run: all on one, because they can't run at the same time anyway.

The interpreter lets one thread of a process run Python at a time. Threads on several CPUs hand that right across
them, which costs half of the speed and, with many connections, nearly all of it. What leaves the interpreter to
compute, as a password's hash does, goes elsewhere for that while.
"""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from settings import Settings, SettingsError

Cpus = frozenset[int]


def cpu_for(settings: Settings, port: int) -> int | None:
    """The CPU for the threads that serve at this port; None if they may run on any.

    Left to itself it goes by the port, so that processes at consecutive ports get one each.
    Raises SettingsError for a CPU that this process may not use.
    """
    cpus = sorted(ALLOWED_CPUS)
    wanted = settings.cpu_affinity
    if wanted is None or (wanted == "auto" and len(cpus) < 2):
        return None
    if wanted == "auto":
        return cpus[port % len(cpus)]
    if wanted not in ALLOWED_CPUS:
        names = ", ".join(map(str, cpus)) or "none: this system has no such choice"
        raise SettingsError(f"CPU_AFFINITY is {wanted}; the CPUs that this process may use are {names}.")
    return wanted


def pin_to(cpu: int | None) -> None:
    """Let the calling thread run on this CPU alone; None changes nothing."""
    if cpu is not None:
        _allow(frozenset((cpu,)))


@contextmanager
def unpinned() -> Iterator[None]:
    """Let the calling thread run on every CPU for a while."""
    before = _allow(ALLOWED_CPUS)
    try:
        yield
    finally:
        _allow(before)


def _on_linux() -> tuple[Cpus, Callable[[Cpus], Cpus]]:
    def allow(cpus: Cpus) -> Cpus:
        before = frozenset(os.sched_getaffinity(0))  # 0 is the calling thread
        if cpus != before:
            os.sched_setaffinity(0, cpus)
        return before

    return frozenset(os.sched_getaffinity(0)), allow


def _on_windows() -> tuple[Cpus, Callable[[Cpus], Cpus]]:
    kernel: Any = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined] # there is one on Windows
    kernel.GetCurrentProcess.restype = kernel.GetCurrentThread.restype = ctypes.c_void_p
    kernel.SetThreadAffinityMask.argtypes = ctypes.c_void_p, ctypes.c_size_t
    kernel.SetThreadAffinityMask.restype = ctypes.c_size_t
    kernel.GetProcessAffinityMask.argtypes = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p

    def allow(cpus: Cpus) -> Cpus:
        before = kernel.SetThreadAffinityMask(kernel.GetCurrentThread(), sum(1 << cpu for cpu in cpus))
        return cpus_of(before) or cpus  # 0: it was refused, so nothing changed

    def cpus_of(mask: int) -> Cpus:
        return frozenset(cpu for cpu in range(mask.bit_length()) if mask >> cpu & 1)

    mine, all_of_system = ctypes.c_size_t(), ctypes.c_size_t()
    kernel.GetProcessAffinityMask(kernel.GetCurrentProcess(), ctypes.byref(mine), ctypes.byref(all_of_system))
    return cpus_of(mine.value), allow


def _elsewhere() -> tuple[Cpus, Callable[[Cpus], Cpus]]:
    return frozenset(), lambda cpus: cpus


# The CPUs that this process may use, and what confines the calling thread to some and tells where it was before.
if sys.platform == "win32":
    ALLOWED_CPUS, _allow = _on_windows()
else:
    ALLOWED_CPUS, _allow = _on_linux() if hasattr(os, "sched_setaffinity") else _elsewhere()
