"""`requirements.lock` is `requirements.txt` with hashes, and both are what is installed and all of it."""

import re
from importlib.metadata import distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.program import ROOT

DEPLOY = ROOT / "deploy"


def requirements(file: str) -> dict[str, Requirement]:
    """The requirements of a file by their names, without comments and hashes."""
    text = (ROOT / file).read_text(encoding="utf-8")
    lines = re.findall(r"^[a-z][^#\\\n]*", re.sub(r"\s+#.*", "", text), re.MULTILINE)
    return {canonicalize_name(each.name): each for each in map(Requirement, lines)}


TEXT = requirements("requirements.txt")
LOCK = requirements("requirements.lock")
HERE = {name: each for name, each in TEXT.items() if each.marker is None or each.marker.evaluate()}


def test_the_lock_has_what_the_requirements_have_and_no_more() -> None:
    # The lock spells out what an extra brings along: psycopg[binary].
    extras = {canonicalize_name(f"{each.name}-{extra}") for each in TEXT.values() for extra in each.extras}

    assert {name: each.specifier for name, each in LOCK.items() if name not in extras} == {
        name: each.specifier for name, each in TEXT.items()
    }
    assert {name: str(each.marker) for name, each in LOCK.items() if name not in extras} == {
        name: str(each.marker) for name, each in TEXT.items()
    }
    assert extras <= LOCK.keys()


def test_every_line_of_the_lock_is_one_version_with_its_hashes() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.findall(
        r"^([a-z][a-z0-9-]*)==[^\n]+((?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)*)$", text, re.MULTILINE
    )

    assert [name for name, _ in entries] == list(LOCK)
    assert [name for name, hashes in entries if not hashes] == []
    assert re.sub(r"^(#.*|[a-z][^\n]* \\|    --hash=sha256:[0-9a-f]{64}(?: \\)?)\n", "", text, flags=re.MULTILINE) == ""


@pytest.mark.parametrize("name", sorted(HERE))
def test_what_is_installed_is_what_is_pinned_and_needs_nothing_else(name: str) -> None:
    installed = distribution(name)
    needs = [Requirement(each) for each in installed.requires or []]
    wanted = {
        canonicalize_name(each.name)
        for each in needs
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in ("", *HERE[name].extras))
    }

    assert [f"=={installed.version}"] == [str(HERE[name].specifier)]
    assert wanted <= LOCK.keys()


def test_what_goes_into_service_is_installed_with_hashes_only() -> None:
    files = [DEPLOY / "container" / "Dockerfile", DEPLOY / "windows" / "install.ps1", ROOT / "docs" / "linux.md"]
    installs = [
        line
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.search(r"\bpip'?,? '?install\b", line)
    ]

    assert len(installs) >= 4
    assert [line for line in installs if "--require-hashes" not in line] == []
    assert "-r ../requirements.lock\n" in (DEPLOY / "requirements-gunicorn.txt").read_text(encoding="utf-8")
