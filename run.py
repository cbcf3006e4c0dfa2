"""Stockroom: `python run.py` serves, `python run.py COMMAND …` does the work of an administrator; from any folder."""

import gc
import io
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from cli.requirements import how_to_install, is_ours
from settings import VERSION, Settings, SettingsError

try:
    import click
    from flask import Flask
    from flask.cli import ScriptInfo

    from announcement import announce
    from api.errors import error_answer
    from api.monitoring.logs import init_logs
    from api.monitoring.shared_metrics import SharedMetrics, make_files
    from api.paths import IMPORTS
    from api.sending import sending
    from api.sweeper import sweeping
    from app import create_app
    from cli.application import application_for_commands
    from cli.commands import COMMANDS
    from environment import read_settings
    from models.database.base import db
    from server.affinity import cpu_for, pin_to, processes_for
    from server.balance import Balance
    from server.processes import Processes, Share, serve_share
    from server.server import Server, serve
    from server.sockets import listening_sockets
    from startup import log_cautions, prepare
except ModuleNotFoundError as missing:
    if is_ours(str(missing.name)):
        raise
    print(how_to_install(str(missing.name)), file=sys.stderr)  # noqa: T201 - for the terminal
    sys.exit(2)


@click.group(invoke_without_command=True, commands=COMMANDS)
@click.version_option(VERSION, prog_name="Stockroom", message="%(prog)s %(version)s")
@click.pass_context
def program(context: click.Context) -> None:
    """Serve Stockroom; or run a COMMAND on the same instance.

    Both read the settings from the environment and from .env beside run.py. The exit status is 0 when it is done,
    1 when the command said no, 2 when the call or a setting makes no sense.
    """
    if context.invoked_subcommand is None:
        context.exit(main())
    if context.obj is None:
        context.obj = ScriptInfo(create_app=lambda: application_for_commands(create_app, read_settings()))


def main() -> int:
    """Start, serve until stopped, finish the requests that were accepted; return the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # not every console can show every path
    with ExitStack() as cleanup:
        try:
            settings = read_settings()
            init_logs(settings.log_level, settings.log_format)
            processes = processes_for(settings)
            sockets = [cleanup.enter_context(each) for each in listening_sockets(settings.host, settings.port)]
            port = sockets[0].getsockname()[1]
            cpu = cpu_for(settings, port)
            app = create_app(settings)
            cleanup.callback(disconnect, app)
            first_admin = prepare(app, settings)
            log_cautions(settings, processes)
            metrics = cleanup.enter_context(folder_for_metrics(processes)) if processes > 1 else None
        except SettingsError as error:
            print(error, file=sys.stderr)  # noqa: T201 - for the terminal
            return 2
        say = partial(announce, settings, port, first_admin, processes)
        if metrics:
            disconnect(app)
            return Processes(partial(serve_as_one, settings, metrics), sockets, processes).run(say)
        gc.freeze()  # what was made up to here stays until the end: later collections need not look through it
        say()
        with sweeping(app, partial(pin_to, cpu)), sending(app, partial(pin_to, cpu)):
            serve(server_of(app, settings, sockets, cpu))
    return 0


def serve_as_one(settings: Settings, metrics: Path, share: Share) -> None:
    """Serve as one of several processes, whose parent has prepared the database."""
    init_logs(settings.log_level, settings.log_format)
    app = create_app(settings, SharedMetrics(metrics, share.number))
    gc.freeze()
    cpu = cpu_for(settings, share.sockets[0].getsockname()[1] + share.number)
    balance = Balance(share.connections, share.number)
    begin = partial(pin_to, cpu)
    with sweeping(app, begin) if share.number == 0 else nullcontext(), sending(app, begin):
        serve_share(server_of(app, settings, share.sockets, cpu, balance), share)
    disconnect(app)
    if share.is_orphan():
        shutil.rmtree(metrics, ignore_errors=True)  # which the parent would have done


def server_of(
    app: Flask,
    settings: Settings,
    sockets: Sequence[socket.socket],
    cpu: int | None,
    balance: Balance | None = None,
) -> Server:
    """Return the server of this application, on the CPU if one is given."""
    return Server(
        app,
        sockets,
        threads=settings.threads,
        max_body_bytes=settings.max_body_bytes,
        error_answer=error_answer,
        larger_bodies=dict.fromkeys(IMPORTS, settings.max_import_bytes),
        trusted_proxy=settings.trusted_proxy,
        cpu=cpu,
        balance=balance,
    )


@contextmanager
def folder_for_metrics(processes: int) -> Iterator[Path]:
    """Make the folder in which so many processes share their metrics, within the `with` block.

    Raises SettingsError where there is no room for it.
    """
    with ExitStack() as cleanup:
        try:
            made = TemporaryDirectory(prefix="stockroom-", ignore_cleanup_errors=True)
            folder = Path(cleanup.enter_context(made))
            make_files(folder, processes)
        except OSError as error:
            raise SettingsError(f"PROCESSES is {processes}, whose metrics have no place in TMPDIR: {error}.") from error
        yield folder


def disconnect(app: Flask) -> None:
    """Close every connection to the database."""
    with app.app_context():
        db.engine.dispose()


if __name__ == "__main__":
    program(prog_name="python run.py")
