"""`worker`: the sender in a process of its own."""

import threading

import click
from flask import current_app

from api.monitoring.logs import init_logs
from api.sending import sending
from api.services import current_settings
from cli.common import StockCommand
from server.server import stopped_by_signals

# How often it looks whether it is to stop, in seconds: on Windows, no signal wakes who waits for longer.
LOOK_EVERY = 0.2


@click.command("worker", cls=StockCommand)
def worker_command() -> None:
    """Send webhooks and mails in a process of its own.

    The service leaves that to it while it runs, and sends again some seconds after it has ended.
    """
    settings = current_settings()
    init_logs(settings.log_level, settings.log_format)
    stop = threading.Event()
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with stopped_by_signals(stop.set), sending(app, dedicated=True):
        click.echo("Webhooks and mails are sent by this process. Ctrl+C stops it.")
        while not stop.wait(LOOK_EVERY):
            pass
