"""CPU affinity: the threads that serve all run on one CPU, because they can't run at the same time anyway.

The interpreter runs one thread of a process at a time, under its global lock. Threads on several CPUs pass that lock
between them, which costs half of the speed and, with many connections, nearly all of it. Computing that releases the
lock, as the hash of a password does, may run on any CPU meanwhile.
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
    """Return the CPU for the threads that serve at this port; None if they may run on any.

    With `auto` it depends on the port, so that processes at consecutive ports use different CPUs.
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


def processes_for(settings: Settings) -> int:
    """Return how many processes serve: for `auto`, one for each CPU that this process may use.

    Raises SettingsError where several would have to share one CPU.
    """
    count = settings.processes
    if count == "auto":
        count = len(ALLOWED_CPUS) or os.cpu_count() or 1
    if count > 1 and isinstance(settings.cpu_affinity, int):
        raise SettingsError(
            f"CPU_AFFINITY is {settings.cpu_affinity}, one CPU for {count} processes (PROCESSES); set auto or off."
        )
    return count


def pin_to(cpu: int | None) -> None:
    """Pin the calling thread to this CPU; None changes nothing."""
    if cpu is not None:
        _allow(frozenset((cpu,)))


@contextmanager
def unpinned() -> Iterator[None]:
    """Let the calling thread run on every CPU within the `with` block."""
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
    kernel: Any = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined] # only Windows has it
    kernel.GetCurrentProcess.restype = kernel.GetCurrentThread.restype = ctypes.c_void_p
    kernel.SetThreadAffinityMask.argtypes = ctypes.c_void_p, ctypes.c_size_t
    kernel.SetThreadAffinityMask.restype = ctypes.c_size_t
    kernel.GetProcessAffinityMask.argtypes = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p

    def allow(cpus: Cpus) -> Cpus:
        before = kernel.SetThreadAffinityMask(kernel.GetCurrentThread(), sum(1 << cpu for cpu in cpus))
        return cpus_of(before) or cpus  # 0: refused, nothing changed

    def cpus_of(mask: int) -> Cpus:
        return frozenset(cpu for cpu in range(mask.bit_length()) if mask >> cpu & 1)

    mine, all_of_system = ctypes.c_size_t(), ctypes.c_size_t()
    kernel.GetProcessAffinityMask(kernel.GetCurrentProcess(), ctypes.byref(mine), ctypes.byref(all_of_system))
    return cpus_of(mine.value), allow


def _elsewhere() -> tuple[Cpus, Callable[[Cpus], Cpus]]:
    return frozenset(), lambda cpus: cpus


# The CPUs that this process may use, and what pins the calling thread to some and returns the earlier ones.
if sys.platform == "win32":
    ALLOWED_CPUS, _allow = _on_windows()
else:
    ALLOWED_CPUS, _allow = _on_linux() if hasattr(os, "sched_setaffinity") else _elsewhere()
