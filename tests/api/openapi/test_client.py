"""A client that openapi-python-client generates from the document has types, for what is sent and what is returned."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.program import PASSWORD, Program, program

pytest.importorskip("openapi_python_client", reason="the generator of clients is not installed")

FILES = 320


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The service as people start it."""
    with program(INSTANCE_PATH=str(tmp_path_factory.mktemp("client")), PORT="0", ADMIN_PASSWORD=PASSWORD) as running:
        yield running


@pytest.fixture(scope="module")
def folder(service: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a package `stockroom_client`, generated from the document that the service serves."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "config.yaml").write_text("post_hooks: []\n", encoding="utf-8")
    generated = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
            *("--url", f"{service.address}/api/v1/openapi.json", "--config", str(folder / "config.yaml")),
            *("--output-path", str(folder / "stockroom_client")),
        ],
        check=False,
        capture_output=True,
        encoding="utf-8",
    )
    assert generated.returncode == 0, generated.stdout + generated.stderr
    return folder


@pytest.fixture
def token(service: Program) -> str:
    """An API token for items and stock."""
    scopes = ["items:read", "items:write", "stock:write"]
    return str(service.ask("POST", "/tokens", {"name": "client", "scopes": scopes}).json["token"])


def test_a_generated_client_records_a_movement_and_reads_the_result_by_its_names(service, folder, token, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    from stockroom_client import AuthenticatedClient, models  # noqa: PLC0415 - it has just been generated
    from stockroom_client.api.items import create_item  # noqa: PLC0415
    from stockroom_client.api.movements import create_item_movement  # noqa: PLC0415

    with AuthenticatedClient(service.address, token) as client:
        item = create_item.sync(client=client, body=models.NewItem("LAMP-1", "Desk lamp", quantity=3))
        sold = models.NewMovement(models.NewMovementKind.ISSUE, 2, "order 7")
        movement = create_item_movement.sync(item.id, client=client, body=sold)
        refused = create_item_movement.sync(item.id, client=client, body=sold)

    assert (movement.kind, movement.delta, movement.quantity_after) == (models.MovementKind.ISSUE, -2, 1)
    assert (refused.code, refused.quantity) == (models.ProblemCode.INSUFFICIENT_STOCK, 1)


def test_a_generated_client_imports_a_file_and_reads_the_outcome_by_its_names(service, folder, token, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    from stockroom_client import AuthenticatedClient, models, types  # noqa: PLC0415
    from stockroom_client.api.imports import import_items  # noqa: PLC0415

    file = types.File(b"sku,name\r\nSHADE-1,Shade\r\n", "items.csv", "text/csv")
    with AuthenticatedClient(service.address, token) as client:
        outcome = import_items.sync(client=client, body=models.ImportFile(file))

    assert (outcome.created, outcome.updated, outcome.errors) == (1, 0, [])


def test_a_generated_client_has_one_type_for_each_thing(folder):
    assert len([*folder.rglob("*.py")]) < FILES
