"""One function's program beside a stand-in of the Runtime API."""

import subprocess
from pathlib import Path

from paths import binary
from runtime_api import RuntimeApi
from settings import SETTINGS


class FunctionProcess:
    """Runs a function against its own `RuntimeApi`; use it as a context manager."""

    def __init__(self, function: str, folder: Path, **settings: str) -> None:
        self.api = RuntimeApi()
        self._log_path = folder / f"{function}.log"
        with self._log_path.open("wb") as log:
            environment = SETTINGS[function] | settings | self.api.environment
            self._process = subprocess.Popen([binary(function)], env=environment, stdout=log, stderr=log)

    def __enter__(self) -> "FunctionProcess":
        self.api.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(timeout=10)
        self.api.__exit__()

    @property
    def log(self) -> str:
        return self._log_path.read_text()

    def await_end(self) -> None:
        """Waits until it has ended by itself, with a failure."""
        assert self._process.wait(timeout=10) != 0
