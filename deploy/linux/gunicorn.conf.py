"""gunicorn in place of run.py: `gunicorn -c deploy/linux/gunicorn.conf.py 'app:create_app()'`.

docs/linux.md says what differs.
"""

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from gunicorn import glogging

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # not yet there when gunicorn reads this file

from api.monitoring.logs import init_logs
from api.sending import sending
from api.sweeper import sweeping
from environment import read_settings
from settings import SettingsError
from startup import log_cautions

try:
    _settings = read_settings()
except SettingsError as error:
    print(error, file=sys.stderr)  # noqa: T201 - for the terminal
    sys.exit(2)
init_logs(_settings.log_level, _settings.log_format)


class _Log(glogging.Logger):  # type: ignore[misc]
    """What gunicorn itself says, as lines of the service's log."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.propagate = True


_background = ExitStack()


def post_worker_init(worker: Any) -> None:
    """Begin to write which reservations have expired, and to send what is due, in each worker: each happens once."""
    _background.enter_context(sweeping(worker.wsgi))
    _background.enter_context(sending(worker.wsgi))


def worker_exit(server: Any, worker: Any) -> None:
    """End that."""
    _background.close()


logger_class = _Log
errorlog = None
loglevel = _settings.log_level
bind = f"[{_settings.host}]:{_settings.port}" if ":" in _settings.host else f"{_settings.host}:{_settings.port}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
log_cautions(_settings, workers)
threads = _settings.threads
timeout = 120  # a worker that has not stirred for so long is killed
graceful_timeout = 20
keepalive = 30
limit_request_line = 8190
control_socket_disable = True
