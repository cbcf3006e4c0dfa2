"""The architecture: imports point down, each thing has its one place, and nothing is open by mistake."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values
from flask import Flask

from api.problems import CODE_OF_STATUS, PROBLEMS
from api.resource import ProtectedResource, StrictResource
from app import create_app
from settings import ROOT, Settings
from tests.support.databases import settings_for

# From the lowest up; a floor is a file beside this list's own, or a folder with all that is in it.
FLOORS = (
    "urls",
    "variables",
    "settings",
    "environment",
    "server",
    "tables",
    "labels",
    "models",
    "delivery",
    "api",
    "resources",
    "pages",
    "startup",
    "announcement",
    "cli",
    "app",
    "run",
)
# What is in the checkout and no part of the service.
NO_FLOORS = ("bench", "docs", "migrations", "tests")


def files_of(floor: str) -> list[Path]:
    """The files of a floor, however deep they lie."""
    file = ROOT / f"{floor}.py"
    return [file] if file.exists() else sorted((ROOT / floor).rglob("*.py"))


MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text(encoding="utf-8"))
    for floor in FLOORS
    for path in files_of(floor)
}
# The resources that ask for no credential; everything else is a ProtectedResource.
OPEN = {
    "DocsFileResource",
    "DocsResource",
    "LoginResource",
    "NewSessionResource",
    "OidcCallbackResource",
    "OidcLoginResource",
    "OpenApiResource",
    "ProblemResource",
    "RefreshResource",
    "RegistrationResource",
}
# What watches the service stands beside the API, and so does the page: without sign-in, limits and forms.
BESIDE = {"livez", "readyz", "metrics"}
PAGES = {"pages.home", "pages.item_link", "pages.shell", "pages.worker", "pages.page_file"}
# What clients may send is shared by the resources that take it.
INPUTS = {
    "resources.file_parser",
    "resources.file_rows",
    "resources.import_options",
    "resources.item_parsers",
    "resources.item_rows",
    "resources.location_parsers",
    "resources.movement_parsers",
    "resources.transfer_parsers",
    "resources.reservation_parsers",
    "resources.subscription_parsers",
    "resources.movement_rows",
    "resources.path_names",
    "resources.report_parsers",
    "resources.sign_in_parsers",
    "resources.webhook_parsers",
}
# What a model needs besides SQLAlchemy.
LIBRARIES_OF_MODELS = {
    "models.database.base": {"flask_sqlalchemy"},
    "models.database.column_types": {"orjson"},
    "models.database.schema": {"alembic", "settings"},
    "models.outbound.secret_box": {"cryptography"},
    "models.people.identity": {"settings"},
    "models.people.credentials": {"settings"},
    "models.values": {"orjson"},
}
# Where whatever fails in one connection is logged, because the loop serves all the others.
GUARD_OF_THE_LOOP = "server.connections"
# Where one thread executes the writes of several requests: an error is raised again in the request of its write.
HANDS_ERRORS_OVER = "models.database.group_commit"
LINES = 250
# Still to be split; a file may leave this list, none may join it.
TOO_LONG: set[str] = set()


def test_every_file_of_the_checkout_is_on_a_floor_and_so_looked_at():
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.py"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, encoding="utf-8")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout, so nobody knows which files belong to it")
    files = {Path(name) for name in filter(None, listed.stdout.split("\0")) if (ROOT / name).exists()}
    ours = {path for path in files if path.parts[0] not in (*NO_FLOORS, "deploy")}

    assert {".".join(path.with_suffix("").parts) for path in ours} == MODULES.keys()
    assert len(MODULES) > 80


def nodes(module: str, kind: Any) -> Iterator[Any]:
    """The parts of a module that are of this kind."""
    return (node for node in ast.walk(MODULES[module]) if isinstance(node, kind))


def imports(module: str) -> set[str]:
    """The modules that a module imports, wherever in its text it does; ours as far as the file."""
    names = {alias.name for node in nodes(module, ast.Import) for alias in node.names}
    for node in nodes(module, ast.ImportFrom):
        within = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
        names |= within or {node.module}
    return names


def packages(module: str) -> set[str]:
    """The topmost packages that a module imports, the standard library left out."""
    return {name.partition(".")[0] for name in imports(module)} - sys.stdlib_module_names


def on(floor: str) -> list[str]:
    """The modules of a floor."""
    return sorted(name for name in MODULES if name.partition(".")[0] == floor)


def test_settings_know_the_standard_library_only():
    assert packages("urls") == set()
    assert packages("variables") == set()
    assert packages("settings") == {"urls", "variables"}
    assert packages("environment") == {"settings", "dotenv"}


@pytest.mark.parametrize("module", on("server"))
def test_the_server_knows_waitress_and_the_settings_and_nothing_of_the_api(module):
    assert packages(module) <= {"waitress", "server", "settings"}


@pytest.mark.parametrize("module", on("tables"))
def test_tables_know_neither_http_nor_the_database(module):
    assert packages(module) <= {"charset_normalizer", "openpyxl", "orjson", "tables", "xlsxwriter"}


@pytest.mark.parametrize("module", on("labels"))
def test_labels_know_neither_http_nor_the_database(module):
    assert packages(module) <= {"barcode", "labels", "segno"}


@pytest.mark.parametrize("module", on("models"))
def test_models_know_no_http_and_nothing_above_them(module):
    assert packages(module) <= {"sqlalchemy", "models"} | LIBRARIES_OF_MODELS.get(module, set())


@pytest.mark.parametrize("module", on("delivery"))
def test_what_is_delivered_knows_its_libraries_and_nothing_of_the_api(module):
    assert packages(module) <= {"httpcore", "jinja2", "sqlalchemy", "delivery", "models", "settings", "urls"}


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    below = FLOORS[: FLOORS.index(module.partition(".")[0]) + 1]
    ours = {name for name in imports(module) if name.partition(".")[0] in FLOORS}

    assert {name for name in ours if name.partition(".")[0] not in below} == set()


@pytest.mark.parametrize("module", sorted(set(on("resources")) - {"resources.routes"}))
def test_a_resource_knows_no_other(module):
    assert {name for name in imports(module) if name.startswith("resources")} <= INPUTS


def test_only_the_routes_and_the_commands_for_files_know_the_resources():
    knowing = {m for m in MODULES if any(name.startswith("resources") for name in imports(m))}

    assert {module for module in knowing if not module.startswith("resources")} == {"app", "cli.exports", "cli.files"}


def test_no_import_goes_in_a_circle():
    below = {module: imports(module) & MODULES.keys() for module in MODULES}

    assert set(TopologicalSorter(below).static_order()) == MODULES.keys()


def test_what_an_application_holds_is_asked_of_the_services():
    knowing = {m for m in MODULES if any(node.attr == "extensions" for node in nodes(m, ast.Attribute))}

    assert knowing == {"api.services", "app"}


def room(module: str) -> str:
    """The folder of a module; a file that stands outside the rooms of its floor is a room of its own."""
    return module.rpartition(".")[0] if module.count(".") == 2 else module


def test_no_two_rooms_know_each_other():
    below: dict[str, set[str]] = {}
    # The services hold a class of several rooms each, and every room asks for them: file by file that is no circle.
    for module in MODULES.keys() - {"api.services"}:
        known = {room(name) for name in imports(module) & MODULES.keys() if name != "api.services"}
        below.setdefault(room(module), set()).update(known - {room(module)})

    assert set(TopologicalSorter(below).static_order()) >= below.keys()


@pytest.mark.parametrize("package", [name for name in MODULES if name.endswith(".__init__")])
def test_a_package_does_nothing_when_it_is_imported(package):
    statements = MODULES[package].body

    assert [type(statement) for statement in statements] == [ast.Expr]


def test_every_folder_is_a_package():
    folders = {module.rpartition(".")[0] for module in MODULES if "." in module}

    assert {f"{folder}.__init__" for folder in folders} <= MODULES.keys()


@pytest.mark.parametrize("module", [*on("resources"), *on("cli")])
def test_resources_and_commands_hold_no_sql(module):
    allowed = {"cli.common": {"sqlalchemy.exc"}, "cli.instance": {"sqlalchemy.engine"}}

    assert {name for name in imports(module) if name.startswith("sqlalchemy")} <= allowed.get(module, set())


@pytest.mark.parametrize("module", on("resources"))
def test_resources_read_the_request_through_forms_only(module):
    read = {node.attr for node in nodes(module, ast.Attribute) if ast.unparse(node.value) == "request"}

    assert not read & {"get_json", "json", "args", "form", "values", "data", "get_data"}


@pytest.mark.parametrize("module", MODULES)
def test_only_expected_exceptions_are_caught(module):
    if module == GUARD_OF_THE_LOOP:
        assert sum("Exception" in ast.unparse(each) for each in nodes(module, ast.ExceptHandler)) == 2
        return
    if module == HANDS_ERRORS_OVER:
        broad = [ast.unparse(each) for each in nodes(module, ast.ExceptHandler) if "BaseException" in ast.unparse(each)]
        assert all("write.error =" in handler for handler in broad)
        return
    for handler in nodes(module, ast.ExceptHandler):
        caught = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)} if handler.type else {""}
        assert not caught & {"", "Exception"}, f"{module}:{handler.lineno}"
        if "BaseException" in caught:  # to tidy up, never to swallow
            last = handler.body[-1]
            assert isinstance(last, ast.Raise), f"{module}:{handler.lineno}"
            assert last.exc is None


@pytest.mark.parametrize("module", MODULES)
def test_queries_are_selects(module):
    legacy = [
        ast.unparse(node)
        for node in nodes(module, ast.Attribute)
        if node.attr == "query" and re.search(r"(^|\.)([A-Z]\w*|session|cls)$", ast.unparse(node.value))
    ]

    assert legacy == []


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"settings", "environment"}))
def test_only_the_settings_read_the_environment(module):
    read = [ast.unparse(node) for node in nodes(module, ast.Attribute) if node.attr in ("environ", "getenv")]

    assert [name for name in read if name.startswith("os.")] == []
    assert not {"environ", "getenv"} & {a.name for node in nodes(module, ast.ImportFrom) for a in node.names}


def settings_read() -> list[str]:
    """The variables that settings.py reads, in its order."""
    calls = (node for node in nodes("settings", ast.Call) if ast.unparse(node.func).startswith("read."))
    return [node.args[0].value for node in calls]


def settings_shown() -> dict[str, str]:
    """The variables of .env, shown or set, with their values."""
    shown = (ROOT / ".env").read_text(encoding="utf-8")
    return dict(re.findall(r"^# ?([A-Z][A-Z_]+)=(.*)$", shown, re.MULTILINE)) | dotenv_values(ROOT / ".env")


def test_every_setting_stands_in_the_env_file_and_nothing_else_does():
    assert settings_shown().keys() - {"FLASK_APP"} == set(settings_read())


def test_every_setting_in_the_env_file_has_a_comment():
    paragraphs = (ROOT / ".env").read_text(encoding="utf-8").strip().split("\n\n")

    assert all(paragraph.startswith("# ") for paragraph in paragraphs)
    assert all(not re.match("# ?[A-Z_]+=", paragraph) for paragraph in paragraphs)


def test_the_env_file_shows_the_defaults():
    assert Settings.from_env({}) == Settings.from_env(settings_shown())


@pytest.mark.parametrize("module", MODULES)
def test_the_first_line_of_a_file_says_what_it_is(module):
    docstring = ast.get_docstring(MODULES[module])

    assert docstring
    assert docstring.splitlines()[0].endswith((".", ":", "?"))


def test_no_file_grows_too_long():
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for floor in FLOORS
        for path in files_of(floor)
    }

    assert {name for name, length in lengths.items() if length > LINES} <= TOO_LONG


@pytest.fixture(scope="module")
def routed(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The application with its routes; its database is never opened."""
    path = tmp_path_factory.mktemp("routed")
    return create_app(settings_for(f"sqlite:///{(path / 'none.sqlite3').as_posix()}", path))


def resources(app: Flask) -> list[Any]:
    """The class behind each route of the API."""
    return [
        app.view_functions[rule.endpoint].view_class
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in BESIDE | PAGES
    ]


def test_what_stands_beside_the_api_is_not_below_its_path(routed):
    beside = {rule.endpoint for rule in routed.url_map.iter_rules() if not rule.rule.startswith("/api/")}

    assert beside - {"problem", "docs", "docs_file"} == BESIDE | PAGES


def test_every_resource_is_closed_but_those_that_are_named_here(routed):
    assert {resource.__name__ for resource in resources(routed) if not issubclass(resource, ProtectedResource)} == OPEN
    assert all(issubclass(resource, StrictResource) for resource in resources(routed))


def test_a_closed_resource_says_what_each_of_its_methods_needs(routed):
    closed = [resource for resource in resources(routed) if resource.__name__ not in OPEN]

    assert [r.__name__ for r in closed if r.permissions.keys() != r.methods - {"HEAD", "OPTIONS"}] == []


def test_every_method_says_in_one_sentence_what_it_does(routed):
    for resource in resources(routed):
        for method in resource.methods - {"HEAD", "OPTIONS"}:
            said = inspect.getdoc(getattr(resource, method.lower()))
            assert said, f"{method} of {resource.__name__}"
            assert re.fullmatch(r"[A-Z][^\n]*\.", said), said
            assert ". " not in said, said


def codes_named() -> set[str]:
    """Every string of the code, outside the catalogue, that could be a problem's code."""
    strings = (node for module in MODULES if module != "api.problems" for node in nodes(module, ast.Constant))
    return {node.value for node in strings if isinstance(node.value, str)}


def test_every_problem_in_the_catalogue_can_happen():
    assert PROBLEMS.keys() - codes_named() - set(CODE_OF_STATUS.values()) == set()


def test_every_refusal_has_a_problem_in_the_catalogue():
    raising = ("Refusal", "HttpRefusal", "Unreadable", "Challenged", "unauthorized", "problem")
    refusals = (
        node
        for module in MODULES
        for node in nodes(module, ast.Call)
        if ast.unparse(node.func).rpartition(".")[2] in raising
    )
    codes = {node.args[0].value for node in refusals if node.args and isinstance(node.args[0], ast.Constant)}

    assert {"insufficient_stock", "malformed_json"} < codes
    assert codes <= PROBLEMS.keys()
