"""AWS's own Runtime Interface Emulator around one function."""

import json
import os
import platform
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import samcli

from paths import binary
from runtime_api import METADATA_END

START_S = 20
INVOKE_S = 30
# The emulator's own lines: its log, and the three that frame each invocation.
EMULATOR_LINE = re.compile(r"^(\d\d \w{3} \d{4} |START |END |REPORT )")


@dataclass(frozen=True)
class Answer:
    """An answer as the gateway would send it on."""

    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: bytes

    def json(self):
        return json.loads(self.body)


class FunctionError(Exception):
    """The function reported an error instead of an answer: its type and its message."""

    @property
    def kind(self) -> str:
        return self.args[0]


class Emulator:
    """Runs a function; use it as a context manager."""

    def __init__(self, function: str, settings: dict[str, str], folder: Path) -> None:
        self._port, runtime_port = free_port(), free_port()
        self._log_path = folder / f"{function}-{self._port}.log"
        machine = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
        program = Path(samcli.__file__).parent / "local" / "rapid" / f"aws-lambda-rie-{machine}"
        program.chmod(0o755)
        command = [program, "--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"]
        command += ["--runtime-api-address", f"127.0.0.1:{runtime_port}", binary(function)]
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder)} | settings
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def __enter__(self) -> "Emulator":
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return self
            time.sleep(0.02)
        self.__exit__()
        raise TimeoutError(self.log)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)

    def invoke(self, event: dict) -> Answer:
        """One invocation with a request. The emulator collects a streamed answer; `RuntimeApi` shows when its parts arrive."""
        raw = self._call(event)
        metadata, found, body = raw.partition(METADATA_END)
        if not found:
            error = json.loads(raw)
            raise FunctionError(error["errorType"], error["errorMessage"])
        metadata = json.loads(metadata)
        return Answer(metadata["statusCode"], metadata["headers"], metadata["cookies"], body)

    def tell(self, event: dict):
        """One invocation with an event of a queue or a schedule; the answer is JSON."""
        answer = json.loads(self._call(event))
        if isinstance(answer, dict) and "errorType" in answer:
            raise FunctionError(answer["errorType"], answer["errorMessage"])
        return answer

    def _call(self, event: dict) -> bytes:
        url = f"http://127.0.0.1:{self._port}/2015-03-31/functions/function/invocations"
        request = urllib.request.Request(url, json.dumps(event).encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=INVOKE_S) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            raise FunctionError("NotServed", f"{error}\n{self.log}") from error

    @property
    def process_id(self) -> int:
        """The function's own process; another one after a crash. None runs before the first event."""
        children = Path(f"/proc/{self._process.pid}/task").glob("*/children")
        [process_id] = [int(child) for of_thread in children for child in of_thread.read_text().split()]
        return process_id

    @property
    def resident_kb(self) -> int:
        """The memory that the function holds now, in kibibytes."""
        status = Path(f"/proc/{self.process_id}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)[1])

    @property
    def log(self) -> str:
        return self._log_path.read_text()

    @property
    def lines(self) -> list[dict]:
        """What the function logged, its metrics left out; every line must be one JSON object."""
        return [line for line in self._written if "_aws" not in line]

    @property
    def metrics(self) -> list[dict]:
        """What the function measured, in CloudWatch's embedded metric format."""
        return [line for line in self._written if "_aws" in line]

    @property
    def _written(self) -> list[dict]:
        return [json.loads(line) for line in self.log.splitlines() if line and not EMULATOR_LINE.match(line)]

    @property
    def request_ids(self) -> list[str]:
        """Lambda's ids of the invocations so far."""
        return re.findall(r"^START RequestId: (\S+)", self.log, re.MULTILINE)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
