"""Stockroom: `python run.py` serves, `python run.py COMMAND …` does the work of an administrator; from any folder."""

import gc
import io
import sys
from contextlib import ExitStack

from cli.requirements import how_to_install, is_ours
from settings import VERSION, SettingsError

try:
    import click
    from flask import Flask
    from flask.cli import ScriptInfo

    from announcement import announce
    from api.errors import error_answer
    from api.monitoring.logs import init_logs
    from api.paths import IMPORTS
    from app import create_app
    from cli.application import application_for_commands
    from cli.commands import COMMANDS
    from environment import read_settings
    from models.database.base import db
    from server.affinity import cpu_for
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
            sockets = [cleanup.enter_context(each) for each in listening_sockets(settings.host, settings.port)]
            port = sockets[0].getsockname()[1]
            cpu = cpu_for(settings, port)
            app = create_app(settings)
            cleanup.callback(disconnect, app)
            first_admin = prepare(app, settings)
            log_cautions(settings)
        except SettingsError as error:
            print(error, file=sys.stderr)  # noqa: T201 - for the terminal
            return 2
        gc.freeze()  # what was made up to here stays until the end: later collections need not look through it
        announce(settings, port, first_admin)
        server = Server(
            app,
            sockets,
            threads=settings.threads,
            max_body_bytes=settings.max_body_bytes,
            error_answer=error_answer,
            larger_bodies=dict.fromkeys(IMPORTS, settings.max_import_bytes),
            trusted_proxy=settings.trusted_proxy,
            cpu=cpu,
        )
        serve(server)
    return 0


def disconnect(app: Flask) -> None:
    """Close every connection to the database."""
    with app.app_context():
        db.engine.dispose()


if __name__ == "__main__":
    program(prog_name="python run.py")
