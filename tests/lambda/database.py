"""A database with the product's schema: the one that the single program brings along."""

import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

from emulator import free_port
from paths import ALMANAC

# The first start may have to fetch PostgreSQL.
START_S = 300


class Database:
    """Runs `almanac dev`; use it as a context manager."""

    def __enter__(self) -> "Database":
        # Not pytest's folder: PostgreSQL may run as another user, who cannot enter that, and a socket's path is short.
        self._folder = Path(tempfile.mkdtemp(prefix="almanac-", dir="/var/tmp"))
        self._folder.chmod(0o755)
        self._port = free_port()
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "PORT": str(self._port)}
        environment["ALMANAC_DATA_DIR"] = str(self._folder / "data")
        with (self._folder / "log").open("wb") as log:
            command = [ALMANAC, "dev"]
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            self._await_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        shutil.rmtree(self._folder)

    @property
    def program_url(self) -> str:
        """Where the single program serves all functions."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def server_id(self) -> int:
        """PostgreSQL's own process."""
        return int((self._folder / "data" / "postgres" / "postmaster.pid").read_text().split()[0])

    @property
    def socket(self) -> Path:
        """Where PostgreSQL listens."""
        return self._folder / "data" / "socket" / ".s.PGSQL.5432"

    @property
    def app_url(self) -> str:
        """The address for the login that holds no rights but the caller's."""
        return f"postgres://almanac_app@{quote(str(self.socket.parent), safe='')}/almanac"

    @property
    def service_url(self) -> str:
        """The address for the login of webhooks."""
        return self.app_url.replace("almanac_app", "almanac_service")

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.program_url}/api/health?deep=1", timeout=5).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise TimeoutError((self._folder / "log").read_text())
