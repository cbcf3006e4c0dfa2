"""On which CPU the service runs."""

import re
import sys
import threading
from pathlib import Path

import pytest

from api.auth.passwords import PasswordVerifier, hash_password
from server import affinity
from server.affinity import ALLOWED_CPUS, cpu_for, pin_to, processes_for, unpinned
from settings import Settings, SettingsError
from tests.support.program import program

several = pytest.mark.skipif(len(ALLOWED_CPUS) < 2, reason="there is one CPU, or this system lets nobody choose")


def home_of(wanted, port=8000):
    return cpu_for(Settings.from_env({"CPU_AFFINITY": wanted}), port)


def in_a_thread(operation):
    """What it answers there: this thread is to stay where it is."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(operation()))
    thread.start()
    thread.join()
    return answers[0]


def where_it_runs():
    return affinity._allow(ALLOWED_CPUS)


@several
def test_processes_at_consecutive_ports_get_a_cpu_each():
    ports = range(8000, 8000 + len(ALLOWED_CPUS))

    assert {home_of("auto", port) for port in ports} == ALLOWED_CPUS
    assert home_of("", 8000) == home_of("AUTO", 8000)


def test_the_cpu_can_be_chosen_or_left_open():
    assert home_of("off") is None
    for cpu in ALLOWED_CPUS:
        assert home_of(str(cpu)) == cpu


def test_where_there_is_no_choice_nothing_is_chosen(monkeypatch):
    monkeypatch.setattr(affinity, "ALLOWED_CPUS", frozenset((3,)))

    assert home_of("auto") is None


def test_a_cpu_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(SettingsError, match=rf"^CPU_AFFINITY is 9999; .*{max(ALLOWED_CPUS, default='none')}"):
        home_of("9999")


def test_there_is_a_process_for_each_cpu_or_as_many_as_are_set(monkeypatch):
    monkeypatch.setattr(affinity, "ALLOWED_CPUS", frozenset((0, 2, 3)))

    assert [processes_for(Settings.from_env({"PROCESSES": value})) for value in ("", "1", "4", "AUTO")] == [1, 1, 4, 3]


def test_several_processes_are_not_put_on_one_cpu():
    with pytest.raises(SettingsError, match=r"^CPU_AFFINITY is 0, one CPU for 2 processes"):
        processes_for(Settings.from_env({"PROCESSES": "2", "CPU_AFFINITY": "0"}))
    assert processes_for(Settings.from_env({"PROCESSES": "2", "CPU_AFFINITY": "off"})) == 2
    assert processes_for(Settings.from_env({"PROCESSES": "1", "CPU_AFFINITY": "0"})) == 1


@several
def test_a_thread_stays_where_it_is_told_to():
    cpu = max(ALLOWED_CPUS)

    assert in_a_thread(lambda: pin_to(cpu) or where_it_runs()) == {cpu}
    assert in_a_thread(lambda: pin_to(None) or where_it_runs()) == ALLOWED_CPUS


@several
def test_a_password_is_hashed_on_any_cpu_and_the_thread_comes_home(monkeypatch):
    seen = []

    def check(hash_, password):
        seen.append(where_it_runs())
        return True

    def verify():
        pin_to(min(ALLOWED_CPUS))
        PasswordVerifier().verify("ada", hash_password("x" * 12), "x" * 12)
        return where_it_runs()

    monkeypatch.setattr("api.auth.passwords.check_password_hash", check)

    assert in_a_thread(verify) == {min(ALLOWED_CPUS)}
    assert seen == [ALLOWED_CPUS]


@several
def test_an_error_brings_the_thread_home_too():
    def fail():
        pin_to(min(ALLOWED_CPUS))
        with pytest.raises(ZeroDivisionError), unpinned():
            1 / 0  # noqa: B018
        return where_it_runs()

    assert in_a_thread(fail) == {min(ALLOWED_CPUS)}


@several
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells where the threads of another process may run")
@pytest.mark.parametrize("setting", ["auto", "off"])
def test_the_threads_that_serve_are_on_one_cpu_unless_told_otherwise(tmp_path, setting):
    with program(INSTANCE_PATH=str(tmp_path), PORT="0", CPU_AFFINITY=setting, THREADS="4", read_errors=True) as service:
        assert service.ask("GET", "/items", user=f"admin:{service.password}").status == 200

        tasks = Path(f"/proc/{service.process.pid}/task").iterdir()
        allowed = [re.search(r"Cpus_allowed_list:\s*(\S+)", (task / "status").read_text())[1] for task in tasks]

    assert len(allowed) >= 5
    assert {cpus.isdigit() for cpus in allowed} == {setting == "auto"}
