"""Take the picture of the README anew: `python docs/picture.py`, with Chromium on the PATH.

A new instance of the service is started on a free port, and the page /docs is shot as a browser shows it.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "docs-page.png"
# In CSS pixels; the scale makes the picture smaller than the page.
WIDTH, HEIGHT, SCALE = 1200, 1495, 0.75
# How long the page may take to draw itself, in milliseconds.
BUDGET = 10_000
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def main() -> int:
    """Start the service, take the picture, stop the service; return the exit status of the browser."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print("There is no chromium and no google-chrome on the PATH.", file=sys.stderr)
        return 2
    with TemporaryDirectory() as folder:
        environment = {**os.environ, "INSTANCE_PATH": folder, "PORT": "0", "HOST": "127.0.0.1", "DATABASE_URL": ""}
        service = subprocess.Popen(
            [sys.executable, str(ROOT / "run.py")],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert service.stdout is not None
            found = re.search(r"http://\S+:\d+", service.stdout.readline())
            assert found, "the service did not start"
            return subprocess.run(
                [
                    *(browser, *QUIET, f"--user-data-dir={folder}/browser", f"--virtual-time-budget={BUDGET}"),
                    *(f"--window-size={WIDTH},{HEIGHT}", f"--force-device-scale-factor={SCALE}"),
                    *(f"--screenshot={PICTURE}", f"{found[0]}/docs"),
                ],
                stderr=subprocess.DEVNULL,
                check=False,
            ).returncode
        finally:
            service.terminate()
            service.wait()


if __name__ == "__main__":
    sys.exit(main())
