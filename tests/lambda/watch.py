"""`cargo lambda watch` in its fast mode: it serves the addresses, and binaries that are built already answer."""

import json
import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from emulator import free_port
from paths import BINARIES, REPOSITORY, TOOLS
from settings import SETTINGS

START_S = 30


class Watch:
    """Runs the server and functions behind it; use it as a context manager."""

    def __init__(self, functions: list[str], folder: Path) -> None:
        self._functions = functions
        self._folder = folder
        self._port = free_port()
        self._processes: list[subprocess.Popen] = []

    def __enter__(self) -> "Watch":
        command = [TOOLS / "cargo-lambda", "lambda", "watch", "--only-lambda-apis", "--disable-cors"]
        command += ["--invoke-address", "127.0.0.1", "--invoke-port", str(self._port)]
        self._start("watch", command, os.environ | {"PATH": f"{TOOLS}:{os.environ['PATH']}"})
        self._await_port()
        for function in self._functions:
            environment = SETTINGS[function] | {
                "AWS_LAMBDA_RUNTIME_API": f"{self.url}/.rt/{function}",
                "AWS_LAMBDA_FUNCTION_NAME": function,
                "AWS_LAMBDA_FUNCTION_VERSION": "1",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            }
            self._start(function, [BINARIES / function], environment)
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(timeout=10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def stream(self, path: str, body: dict) -> list[tuple[int, bytes]]:
        """A call's answer in parts, each with the time of its arrival in microseconds since 1970."""
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"content-type": "application/json"}, method="POST"
        )
        parts = []
        with urllib.request.urlopen(request, timeout=30) as response:
            while part := response.read1():
                parts.append((time.time_ns() // 1000, part))
        return parts

    def _start(self, name: str, command: list, environment: dict[str, str]) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
        self._processes.append(process)

    def _await_port(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.05)
        self.__exit__()
        raise TimeoutError((self._folder / "watch.log").read_text())
