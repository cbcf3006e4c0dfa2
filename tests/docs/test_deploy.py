"""What stands in deploy/ fits the service, and the tools that it is meant for can read it."""

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
import tree_sitter_powershell
import yaml
from tree_sitter import Language, Node, Parser

from api.problems import PROBLEMS
from run import program as program_commands
from server.server import DRAIN_SECONDS, TIMEOUTS
from settings import MIB, Settings
from tests.support.program import ROOT, SOON, environment, program

DEPLOY = ROOT / "deploy"
WINDOWS = DEPLOY / "windows"
CONTAINER = DEPLOY / "container"
SCRIPTS = sorted(WINDOWS.glob("*.ps1"))
UPSTREAMS = [DEPLOY / "nginx" / "upstream.conf", CONTAINER / "upstream.conf"]
NGINX_KINDS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
UNIT = DEPLOY / "linux" / "stockroom@.service"
COMPOSE = yaml.safe_load((CONTAINER / "compose.yaml").read_text(encoding="utf-8"))
DEFAULTS = Settings.from_env({})


def tool(name: str) -> str:
    """The path of a program, or the test is skipped."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} here")
    return found


def run(*command: str, cwd: Path = ROOT, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=environment(**settings), capture_output=True, check=False, encoding="utf-8", timeout=60
    )


# PowerShell, read by a parser

COMMON = {"ErrorAction", "Force", "Confirm"}
CMDLETS = {
    "Add-WebConfigurationProperty": {"PSPath", "Filter", "Name", "Value"},
    "Copy-Item": {"LiteralPath", "Destination"},
    "Expand-Archive": {"LiteralPath", "DestinationPath"},
    "Get-ChildItem": {"LiteralPath", "Filter", "Recurse"},
    "Get-CimInstance": {"ClassName", "Filter"},
    "Get-Date": {"Format"},
    "Get-FileHash": {"LiteralPath", "Algorithm"},
    "Get-Item": {"Path", "LiteralPath"},
    "Get-ScheduledTask": {"TaskName"},
    "Get-Service": {"Name"},
    "Invoke-RestMethod": {"Uri"},
    "Join-Path": {"Path", "ChildPath"},
    "New-Item": {"ItemType", "Path"},
    "New-ScheduledTaskAction": {"Execute", "Argument"},
    "New-ScheduledTaskPrincipal": {"UserId", "LogonType", "RunLevel"},
    "New-ScheduledTaskSettingsSet": {"StartWhenAvailable", "MultipleInstances", "ExecutionTimeLimit"},
    "New-ScheduledTaskTrigger": {"Daily", "At"},
    "Out-Null": set(),
    "Pop-Location": set(),
    "Push-Location": {"LiteralPath"},
    "Read-Host": {"Prompt"},
    "Register-ScheduledTask": {"TaskName", "Action", "Trigger", "Principal", "Settings"},
    "Remove-Item": {"Recurse"},
    "Restart-Service": {"Name"},
    "Select-Object": {"Skip"},
    "Set-ExecutionPolicy": {"Scope", "ExecutionPolicy"},
    "Set-Location": {"LiteralPath"},
    "Set-StrictMode": {"Version"},
    "Set-WebConfigurationProperty": {"PSPath", "Filter", "Name", "Value"},
    "Sort-Object": {"Property", "Descending"},
    "Split-Path": {"Parent", "Path"},
    "Start-Process": {"Wait", "FilePath", "ArgumentList"},
    "Start-Service": {"Name"},
    "Stop-Service": {"Name"},
    "Test-Path": {"LiteralPath"},
    "Unblock-File": set(),
    "Unregister-ScheduledTask": set(),
    "Where-Object": {"Property", "NE"},
    "Write-Output": set(),
}
FORBIDDEN = ("Invoke-Expression", "iex ", "Invoke-WebRequest", "Invoke-RestMethod", "WebClient", "BitsTransfer")
OWN = {"Invoke-Program", "Protect-Folder"}
PROGRAMS = {"icacls.exe", "notepad.exe", "robocopy.exe", r".\.venv\Scripts\python.exe"}


def tree(text: str) -> Node:
    return Parser(Language(tree_sitter_powershell.language())).parse(text.encode()).root_node


def below(node: Node, *types: str) -> Iterator[Node]:
    for child in node.children:
        if child.type in types:
            yield child
        yield from below(child, *types)


def said(node: Node) -> str:
    return (node.text or b"").decode()


def parameters(script: Path) -> set[str]:
    """The names of the parameters that a script of ours takes."""
    block = next(below(tree(script.read_text(encoding="ascii")), "param_block"))
    taken = [child for each in below(block, "script_parameter") for child in each.children]
    return {said(each).lstrip("$") for each in taken if each.type == "variable"}


def faults(text: str) -> list[str]:
    """What is wrong with some PowerShell: syntax, commands that do not exist, parameters that they do not have."""
    root = tree(text)
    found = [f"line {node.start_point.row + 1}: {said(node)!r}" for node in below(root, "ERROR")]
    if root.has_error and not found:
        found.append("something is missing")
    for command in below(root, "command"):
        name = next((said(each) for each in command.children if each.type in ("command_name", "command_name_expr")), "")
        elements = [each for part in command.children if part.type == "command_elements" for each in part.children]
        given = {said(each).lstrip("-") for each in elements if each.type == "command_parameter"}
        own = next((script for script in SCRIPTS if re.split(r"[\\/]", name.strip('"'))[-1] == script.name), None)
        if own:
            unknown = given - parameters(own)
        elif name in CMDLETS:
            unknown = given - CMDLETS[name] - COMMON
        elif name in OWN | PROGRAMS or name.startswith(("$", '"$')):
            unknown = set()
        else:
            unknown = {"it is not known"}
        found += [f"{name}: {each}" for each in sorted(unknown)]
    return found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_scripts_parse_and_call_what_exists(script: Path) -> None:
    assert faults(script.read_text(encoding="ascii")) == []


def test_the_commands_of_the_windows_guide_parse_and_call_what_exists() -> None:
    guide = (ROOT / "docs" / "windows.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```powershell\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)

    assert len(blocks) > 3
    assert [fault for block in blocks for fault in faults(block)] == []
    assert len(blocks[0].splitlines()) == 8


@pytest.mark.parametrize(
    "wrong", ['if ($a) { "b" ', "Get-Servce -Name 'a'", "Stop-Service -Nmae 'a'", '"open', ".\\install.ps1 -Sum 'a'"]
)
def test_a_mistake_in_powershell_would_be_found(wrong: str) -> None:
    assert faults(wrong) != []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_scripts_stop_at_the_first_fault_and_neither_download_nor_hold_secrets(script: Path) -> None:
    text = script.read_text(encoding="ascii")

    assert "\nSet-StrictMode -Version Latest\n$ErrorActionPreference = 'Stop'\n" in text
    assert "#Requires -RunAsAdministrator" in text
    for forbidden in FORBIDDEN:
        assert forbidden.lower() not in text.lower()
    assert not re.search(r"AsPlainText|(?i:password|secret)\w*\s*=", text)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_every_program_that_the_scripts_run_is_checked_for_its_status(script: Path) -> None:
    lines = script.read_text(encoding="ascii").splitlines()

    called = [number for number, line in enumerate(lines) if line.lstrip().startswith("& ")]
    assert all("$LASTEXITCODE" in lines[number + 1] for number in called)


@pytest.mark.parametrize("name", ["install.ps1", "backup.ps1"])
def test_what_system_runs_is_where_only_administrators_may_change_it(name: str) -> None:
    text = (WINDOWS / name).read_text(encoding="ascii")
    full, check = text.index("[IO.Path]::GetFullPath($Program)"), text.index("$Program.StartsWith(")

    assert full < check < min(text.index(word) for word in ("robocopy.exe", "ScheduledTask") if word in text)
    assert "-not $Program.StartsWith(\"$env:ProgramFiles\\\", 'OrdinalIgnoreCase')" in text


@pytest.mark.parametrize("file", [*SCRIPTS, ROOT / "docs" / "windows.md"], ids=lambda file: file.name)
def test_a_folder_that_is_given_to_somebody_keeps_no_rights_of_others(file: Path) -> None:
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if "icacls" in line and "/grant" in line]
    within = "$data\\instance", "$data\\logs"  # in the folder of the data, which was closed before

    assert [line for line in lines if "/inheritance:r" not in line and not any(each in line for each in within)] == []


def test_a_link_in_the_place_of_a_folder_is_refused_before_anything_is_given_or_written_there() -> None:
    install = (WINDOWS / "install.ps1").read_text(encoding="ascii")
    backup = (WINDOWS / "backup.ps1").read_text(encoding="ascii")
    protect = install[install.index("function Protect-Folder") : install.index("# What is given")]

    assert protect.count("ReparsePoint") == 2
    assert (
        protect.index("ReparsePoint") < protect.index("/setowner") < protect.index("/reset") < protect.index("/grant:r")
    )
    assert install.index("Protect-Folder $data") < install.index("'/T', '/Q'")
    assert backup.index("ReparsePoint") < backup.index("Register-ScheduledTask") < backup.index("run.py backup")


# The service of Windows


def test_the_windows_service_lets_requests_end_and_starts_again() -> None:
    service = ET.parse(WINDOWS / "stockroom.xml").getroot()  # noqa: S314 - our own file
    texts = {each.tag: each.text or "" for each in service}

    assert int(texts["stoptimeout"].removesuffix(" sec")) > DRAIN_SECONDS
    assert texts["stopparentprocessfirst"] == "true"  # the child would get a second Ctrl+C, which ends it at once
    assert {each.get("action") for each in service.findall("onfailure")} == {"restart"}
    assert texts["workingdirectory"] == "%BASE%"
    assert texts["executable"].startswith("%BASE%\\") and texts["arguments"] == '"%BASE%\\run.py"'
    log = service.find("log")
    assert log is not None and log.get("mode") == "roll-by-size"
    assert service.find("serviceaccount") is None and service.find("download") is None


@pytest.mark.parametrize("folder", ["iis-proxy", "iis-process"])
def test_iis_passes_what_the_service_takes_and_answers(folder: str) -> None:
    config = ET.parse(WINDOWS / folder / "web.config").getroot()  # noqa: S314 - our own file
    limits = config.find(".//requestLimits")
    errors = config.find(".//httpErrors")

    assert limits is not None and errors is not None
    assert int(limits.get("maxAllowedContentLength", 0)) == DEFAULTS.max_import_bytes + MIB
    assert errors.get("existingResponse") == "PassThrough"
    assert config.find(".//modules/remove[@name='WebDAVModule']") is not None
    assert config.find(".//handlers/remove[@name='WebDAV']") is not None


def test_iis_tells_the_process_its_port_and_the_service_where_the_client_is() -> None:
    process = ET.parse(WINDOWS / "iis-process" / "web.config")  # noqa: S314 - our own file
    proxy = ET.parse(WINDOWS / "iis-proxy" / "web.config")  # noqa: S314 - our own file

    given = {each.get("name"): each.get("value") for each in process.iter("environmentVariable")}
    assert given["PORT"] == "%HTTP_PLATFORM_PORT%"
    assert (given["HOST"], given["TRUSTED_PROXY"]) == ("127.0.0.1", "127.0.0.1")
    action = proxy.find(".//rule[@name='stockroom']/action")
    assert action is not None
    assert action.get("url") == f"http://{DEFAULTS.host}:{DEFAULTS.port}{{UNENCODED_URL}}"


def test_iis_keeps_the_metrics_from_everybody_else() -> None:
    process = ET.parse(WINDOWS / "iis-process" / "web.config").getroot()  # noqa: S314 - our own file
    proxy = ET.parse(WINDOWS / "iis-proxy" / "web.config").getroot()  # noqa: S314 - our own file

    verbs = process.find("location[@path='metrics']//requestFiltering/verbs")
    assert verbs is not None and (verbs.get("allowUnlisted"), len(verbs)) == ("false", 0)
    first = next(proxy.iter("rule"))
    address = first.find(".//add[@input='{REMOTE_ADDR}']")
    assert address is not None and address.get("negate") == "true"
    assert re.match(address.get("pattern", ""), "127.0.0.1") and not re.match(address.get("pattern", ""), "127.0.0.10")
    assert (first.find("match").get("url"), first.find("action").get("statusCode")) == ("^metrics$", "403")  # type: ignore[union-attr]


def test_caddy_reads_its_file(tmp_path: Path) -> None:
    file = str(WINDOWS / "Caddyfile")
    ran = run(tool("caddy"), "validate", "--adapter", "caddyfile", "--config", file, HOME=str(tmp_path))

    assert ran.returncode == 0, ran.stderr


# Linux


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    analyze = tool("systemd-analyze")
    text = UNIT.read_text(encoding="utf-8").replace("/opt/stockroom/.venv/bin/python", sys.executable)
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace("/opt/stockroom", str(ROOT)), encoding="utf-8")

    ran = run(analyze, "verify", "--man=no", str(copy))

    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_unit_lets_requests_end_and_may_do_little() -> None:
    given = dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE))

    assert int(given["TimeoutStopSec"]) > DRAIN_SECONDS
    assert given["Restart"] == "on-failure"
    assert (given["User"], given["StateDirectory"], given["ProtectSystem"]) == ("stockroom", "stockroom", "strict")
    assert given["CapabilityBoundingSet"] == ""
    assert {"MemoryMax", "CPUQuota", "TasksMax"} <= given.keys()
    assert [given[each] for each in ("NoNewPrivileges", "MemoryDenyWriteExecute", "PrivateTmp")] == ["yes"] * 3


def test_the_unit_lets_the_service_keep_to_a_cpu() -> None:
    """Which is one of @resources, as systemd calls what it takes; who may not is ended by the first attempt."""
    filters = re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    analyze = tool("systemd-analyze")
    taken = run(analyze, "syscall-filter", *filters[1].removeprefix("~").split()).stdout

    assert "sched_setaffinity" in taken
    assert "sched_setaffinity" in filters[2:]


@pytest.mark.parametrize("upstream", UPSTREAMS, ids=lambda upstream: upstream.parent.name)
def test_nginx_reads_its_files(upstream: Path, tmp_path: Path) -> None:
    nginx, openssl = tool("nginx"), tool("openssl")
    key, certificate = tmp_path / "privkey.pem", tmp_path / "fullchain.pem"
    made = run(
        *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)),
    )
    assert made.returncode == 0, made.stderr
    site = (DEPLOY / "nginx" / "stockroom.conf").read_text(encoding="utf-8").replace("/etc/nginx/tls", str(tmp_path))
    site = site.replace("listen 80 ", f"listen unix:{tmp_path}/http ").replace(
        "listen 443 ", f"listen unix:{tmp_path}/tls "
    )
    (tmp_path / "site.conf").write_text(site, encoding="utf-8")
    main = tmp_path / "nginx.conf"
    main.write_text(
        f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\n"
        + "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in NGINX_KINDS)
        + f"include {upstream};\ninclude {tmp_path}/site.conf;\n}}\n",
        encoding="utf-8",
    )

    ran = run(nginx, "-t", "-q", "-e", str(tmp_path / "error.log"), "-c", str(main))

    assert (ran.returncode, ran.stderr) == (0, "")


REFUSED_BY_NGINX = {
    "400": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "414": b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "431": b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("status", REFUSED_BY_NGINX)
def test_what_nginx_can_not_read_is_a_problem_too(status: str, tmp_path: Path) -> None:
    nginx = tool("nginx")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    site = (DEPLOY / "nginx" / "stockroom.conf").read_text(encoding="utf-8")
    site = re.sub(r"\n +ssl_\w+ [^;]*;", "", site).replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    (tmp_path / "site.conf").write_text(site.replace("listen 80 ", f"listen unix:{tmp_path}/http "), encoding="utf-8")
    temporary = "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in NGINX_KINDS)
    main = f"daemon off; pid {tmp_path}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}"
    main += f"include {DEPLOY}/nginx/upstream.conf;\ninclude {tmp_path}/site.conf;\n}}\n"
    (tmp_path / "nginx.conf").write_text(main, encoding="utf-8")
    with subprocess.Popen([nginx, "-e", str(tmp_path / "error.log"), "-c", str(tmp_path / "nginx.conf")]) as server:
        try:
            answer = _answer(port, REFUSED_BY_NGINX[status])
        finally:
            server.terminate()

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status.encode())
    assert b"Content-Type: application/problem+json\r\n" in head + b"\r\n"
    assert json.loads(body)["status"] == int(status)


def _answer(port: int, request: bytes) -> bytes:
    """What a server that is just starting answers to a request that it closes the connection after."""
    deadline = time.monotonic() + SOON
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=SOON) as connection:
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: connection.recv(65_536), b""))
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_nginx_takes_what_the_service_takes_and_closes_before_it() -> None:
    site = (DEPLOY / "nginx" / "stockroom.conf").read_text(encoding="utf-8")

    assert f"client_max_body_size {DEFAULTS.max_import_bytes // MIB + 1}m;" in site
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in site  # set, not appended to
    for upstream in UPSTREAMS:
        found = re.search(r"keepalive_timeout (\d+)s;", upstream.read_text(encoding="utf-8"))
        assert found and int(found[1]) < TIMEOUTS["idle"]


def test_what_nginx_refuses_itself_has_the_shape_of_all_errors() -> None:
    site = (DEPLOY / "nginx" / "stockroom.conf").read_text(encoding="utf-8")

    told = re.findall(r"return (\d+) '(.*)';", site)
    assert [int(status) for status, _ in told] == [400, 414, 431, 413, 503]
    for status, body in told:
        problem = json.loads(body)
        assert PROBLEMS[problem["code"]][:2] == (int(status), problem["title"])
        assert problem.keys() == {"type", "title", "status", "detail", "code", "request_id"}
        assert (problem["status"], problem["type"]) == (int(status), f"/problems/{problem['code']}")


def test_gunicorn_listens_where_the_settings_say() -> None:
    pytest.importorskip("gunicorn", reason="gunicorn is not for Windows")
    code = "import runpy, sys; print(runpy.run_path(sys.argv[1])['bind'])"
    ran = run(sys.executable, "-c", code, str(DEPLOY / "linux" / "gunicorn.conf.py"), HOST="::1", PORT="8123")

    assert (ran.stdout.strip(), ran.returncode) == ("[::1]:8123", 0), ran.stderr


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_gunicorn_writes_its_own_words_as_lines_of_the_log(log_format: str, tmp_path: Path) -> None:
    pytest.importorskip("gunicorn", reason="gunicorn is not for Windows")
    settings = {"INSTANCE_PATH": str(tmp_path / "instance"), "PORT": "0", "LOG_FORMAT": log_format}
    assert run(sys.executable, "run.py", "upgrade", **settings).returncode == 0
    command = [sys.executable, "-m", "gunicorn", "-c", "deploy/linux/gunicorn.conf.py", "app:create_app()"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(WEB_CONCURRENCY="1", **settings), stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(4)]  # the last is that of the worker
        process.terminate()
        lines += process.stderr.readlines()

    words = "\n".join(json.loads(line)["message"] if log_format == "json" else line for line in lines)
    assert process.returncode == 0
    assert "Listening at: " in words and "Booting worker" in words and "Shutting down: " in words
    assert "Traceback" not in words and "Logging error" not in words
    if log_format == "text":
        assert {line.split()[3] for line in lines} == {"gunicorn.error"}


def test_gunicorn_does_not_start_with_a_setting_that_makes_no_sense(tmp_path: Path) -> None:
    pytest.importorskip("gunicorn", reason="gunicorn is not for Windows")
    ran = run(
        *(sys.executable, "-m", "gunicorn", "-c", "deploy/linux/gunicorn.conf.py", "app:create_app()"),
        INSTANCE_PATH=str(tmp_path / "instance"),
        PORT="eighty",
    )

    assert (ran.returncode, ran.stderr) == (2, "PORT is 'eighty'; it must be a whole number from 0 to 65535.\n")


# Containers


def test_the_files_of_the_image_are_enough_to_start_the_service(tmp_path: Path) -> None:
    wanted = re.findall(r"^!(\S+)$", (CONTAINER / "Dockerfile.dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    for name in wanted:
        source, target = ROOT / name, tmp_path / "app" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)

    with program(folder=tmp_path / "app", INSTANCE_PATH=str(tmp_path / "data"), PORT="0", read_errors=True) as running:
        assert running.ask("GET", "/users/me", user=f"admin:{running.password}").status == 200
    assert ".env" not in wanted and ".git" not in wanted


def test_the_image_has_no_tools_no_root_and_a_health_check() -> None:
    *_, final = (CONTAINER / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")

    assert "pip install" not in final and "apt-get" not in final
    assert re.search(r"^USER [1-9]\d*$", final, re.MULTILINE)  # a number, so that it can be seen not to be root
    assert "HEALTHCHECK" in final and "/readyz" in final
    assert 'CMD ["python", "run.py"]' in final  # no shell between SIGTERM and the service


def test_the_linter_finds_nothing_wrong_with_the_dockerfile() -> None:
    ran = run(tool("hadolint"), "--no-color", str(CONTAINER / "Dockerfile"))

    assert (ran.returncode, ran.stdout) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="the entry point is a shell script of a Linux image")
def test_a_secret_may_come_as_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('it\'s a $ecret "key" `id`\n', encoding="utf-8")

    ran = run(
        *(tool("sh"), str(CONTAINER / "entrypoint.sh")),
        *(sys.executable, "-c", "import os; print(os.environ['SECRET_KEY'], os.environ.get('DATABASE_URL'))"),
        SECRET_KEY_FILE=str(secret),
    )

    assert (ran.stdout, ran.stderr) == ('it\'s a $ecret "key" `id` None\n', "")


@pytest.mark.skipif(sys.platform == "win32", reason="the entry point is a shell script of a Linux image")
def test_a_secret_file_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    missing = str(tmp_path / "none")
    ran = run(tool("sh"), str(CONTAINER / "entrypoint.sh"), "echo", "started", SECRET_KEY_FILE=missing)

    assert ran.returncode != 0 and "started" not in ran.stdout


def test_the_containers_let_requests_end_and_are_watched() -> None:
    services = COMPOSE["services"]

    for name in ("one", "two"):
        assert int(services[name]["stop_grace_period"].removesuffix("s")) > DRAIN_SECONDS
        assert set(services[name]["depends_on"]) == {"database", "redis"}
    for name in ("nginx", "database", "redis"):
        assert "healthcheck" in services[name]
        assert services[name]["restart"] == "unless-stopped"
    assert [name for name in services if "ports" in services[name]] == ["nginx"]


def test_no_container_may_more_than_it_must() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert {"mem_limit", "cpus", "pids_limit"} <= service.keys(), name
        assert set(service.get("cap_add", [])).isdisjoint({"ALL", "SYS_ADMIN", "NET_RAW", "SETPCAP"}), name


def test_every_image_can_be_named_by_its_digest() -> None:
    images = {name: service["image"] for name, service in COMPOSE["services"].items() if "build" not in service}
    file = (CONTAINER / "Dockerfile").read_text(encoding="utf-8")
    guide = (ROOT / "docs" / "linux.md").read_text(encoding="utf-8")
    pulled = dict(re.findall(r"\b([A-Z]+)=([a-z]+:[\w.-]+)", re.findall("for image in (.*);", guide)[0]))

    named = dict(re.fullmatch(r"\$\{([A-Z]+)_IMAGE:-(.*)\}", image).groups() for image in images.values())  # type: ignore[union-attr]
    named |= dict(re.findall(r"^ARG ([A-Z]+)_IMAGE=(.*)$", file, re.MULTILINE))
    assert named == pulled
    assert re.findall("^FROM (\\S+)", file, re.MULTILINE) == ["${PYTHON_IMAGE}"] * 2
    assert COMPOSE["services"]["one"]["build"]["args"] == {"PYTHON_IMAGE": f"${{PYTHON_IMAGE:-{named['PYTHON']}}}"}


def test_the_containers_meet_at_the_addresses_that_they_are_told() -> None:
    services = COMPOSE["services"]
    address = {name: services[name]["networks"]["inside"]["ipv4_address"] for name in ("one", "two", "nginx")}
    upstream = (CONTAINER / "upstream.conf").read_text(encoding="utf-8")

    assert re.findall(r"server ([\d.]+):8000 ", upstream) == [address["one"], address["two"]]
    assert {services[name]["environment"]["TRUSTED_PROXY"] for name in ("one", "two")} == {address["nginx"]}


def test_the_containers_get_their_secrets_as_files_and_settings_that_make_sense() -> None:
    given = COMPOSE["services"]["one"]["environment"]

    files = {name.removesuffix("_FILE"): value for name, value in given.items() if name.endswith("_FILE")}
    assert set(files) == {"SECRET_KEY", "ADMIN_PASSWORD", "PGPASSWORD"}
    assert {Path(value).name for value in files.values()} == set(COMPOSE["services"]["one"]["secrets"])
    entry = (CONTAINER / "entrypoint.sh").read_text(encoding="utf-8")
    assert set(files) <= set(re.findall(r"\b[A-Z_]+\b", entry))
    settings = Settings.from_env({name: value for name, value in given.items() if name != "CORS_ORIGINS"})
    assert settings.trusted_proxy and settings.database_url.endswith("@database/stockroom")


def test_docker_reads_the_compose_file() -> None:
    docker = tool("docker")
    if run(docker, "compose", "version").returncode:
        pytest.skip("this docker has no compose")
    ran = run(docker, "compose", "-f", str(CONTAINER / "compose.yaml"), "config", "--quiet")

    assert (ran.returncode, ran.stderr) == (0, "")


# The guides


@pytest.mark.parametrize("guide", ["windows.md", "linux.md"])
def test_the_guides_name_files_and_settings_that_exist(guide: str) -> None:
    text = (ROOT / "docs" / guide).read_text(encoding="utf-8")
    known = set(re.findall(r"^# ?([A-Z_]+)=", (ROOT / ".env").read_text(encoding="utf-8"), re.MULTILINE))

    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (ROOT / "docs" / target).exists(), target
    for name in re.findall(r"(?<![\w./])deploy/[\w./@-]+", text):
        assert (ROOT / name).exists(), name
    others = {"FLASK_APP", "PGPASSWORD", "SECRET_KEY_FILE", "WEB_CONCURRENCY"}
    assert set(re.findall(r"`([A-Z]+_[A-Z_]+)`", text)) <= known | others


@pytest.mark.parametrize("guide", ["windows.md", "linux.md"])
def test_the_guides_name_commands_that_exist(guide: str) -> None:
    text = (ROOT / "docs" / guide).read_text(encoding="utf-8")
    text += "".join(script.read_text(encoding="ascii") for script in SCRIPTS).replace("', '", " ")
    named = set(re.findall(r"run\.py (?:(user|token|maintenance) )?(?!FILE)([a-z][a-z-]+)", text))
    commands = program_commands.commands

    assert len(named) > 2
    for group, name in named:
        within = commands[group].commands if group else commands  # type: ignore[attr-defined]
        assert name in within
