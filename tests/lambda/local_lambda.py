"""`tools/lambda`, once everything is built."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from emulator import free_port
from paths import REPOSITORY

START_S = 300
STOP_S = 30


class LocalLambda:
    """Runs all functions at one address, with a database of their own; use it as a context manager."""

    def __init__(self, *arguments: str, until: str, **settings: str) -> None:
        # Not pytest's folder: PostgreSQL may run as another user, who cannot enter that, and a socket's path is short.
        self._folder = Path(tempfile.mkdtemp(prefix="almanac-", dir="/var/tmp"))
        self._folder.chmod(0o755)
        self._port = free_port()
        self._until = until
        environment = os.environ | {"ALMANAC_DATA_DIR": str(self._folder / "data"), "LOG_FORMAT": "json"} | settings
        command = [sys.executable, REPOSITORY / "tools" / "local_lambda", "--port", str(self._port), *arguments]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def __enter__(self) -> "LocalLambda":
        deadline = time.monotonic() + START_S
        while self._until not in self.log:
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = self.log
                self.__exit__()
                raise TimeoutError(log)
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def stop(self) -> int:
        """What Ctrl-C does; gives the status with which it ends."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self._process.wait(timeout=STOP_S)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    def process_ids(self) -> dict[str, int]:
        """The programs that it has started and that run now, by the last part of their path."""
        children = Path(f"/proc/{self._process.pid}/task").glob("*/children")
        found = [int(child) for of_thread in children for child in of_thread.read_text().split()]
        return {os.path.basename(os.readlink(f"/proc/{child}/exe")): child for child in found}

    def call(self, method: str, path: str, body=None, headers: dict | None = None, timeout_s: float = 30):
        """The answer's status, headers and body, whatever the status."""
        data = None if body is None else json.dumps(body).encode()
        of_body = {} if body is None else {"content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data, of_body | (headers or {}), method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def stream(self, path: str, body: dict, headers: dict | None = None) -> list[tuple[int, bytes]]:
        """A call's answer in parts, each with the time of its arrival in microseconds since 1970."""
        headers = {"content-type": "application/json"} | (headers or {})
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers, method="POST")
        parts = []
        with urllib.request.urlopen(request, timeout=30) as response:
            while part := response.read1():
                parts.append((time.time_ns() // 1000, part))
        return parts
