"""All functions on this machine as on AWS Lambda; tools/lambda tells more."""

import argparse
import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

import functions
import schedules
from functions import REPOSITORY
from processes import Processes, say

TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
HOST = "127.0.0.1"
# The first start may have to fetch PostgreSQL.
START_S = 600
CALL_S = 5
FIRST_CALL = """
  TOKEN=$(curl -s {url}/api/auth/register -H 'content-type: application/json' \\
    -d '{{"email":"you+'$RANDOM'@example.com","password":"correct horse battery staple"}}' \\
    | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  curl -sN {url}/api/chat -H "authorization: Bearer $TOKEN" -H 'accept: text/plain' \\
    -H 'content-type: application/json' -d '{{"content":"Help me plan my Monday."}}'
"""


def main() -> int:
    arguments = _arguments()
    url = f"http://{HOST}:{arguments.port}"
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with Processes() as processes:
        data = _data_folder()
        _start_database(processes, data, stopping)
        local = _settings(url, data)
        _start_gateway(processes, arguments, local)
        if not arguments.watch:
            # There, a call would build the function before anybody asked for it.
            _await(f"{url}/api/health?deep=1", processes, stopping)
            schedules.start(url, stopping)
        if not (stopping.is_set() or processes.broken.is_set()):
            print(f"\nAll functions answer at {url}. Ctrl-C ends them. A first call:\n{FIRST_CALL.format(url=url)}", flush=True)
        while not (stopping.wait(0.2) or processes.broken.is_set()):
            pass
        asked_to = stopping.is_set()
        stopping.set()
    return 0 if asked_to else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/lambda", description="Runs all functions as AWS Lambda would.")
    parser.add_argument("--port", type=int, default=9000, help="where they answer, on 127.0.0.1 (9000)")
    parser.add_argument("--watch", action="store_true", help="build and start a function with its first request, and after changes")
    return parser.parse_args()


def _data_folder() -> Path:
    """Not the folder of `cargo dev`, so that both may run at once."""
    if "ALMANAC_DATA_DIR" in os.environ:
        return Path(os.environ["ALMANAC_DATA_DIR"]).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/almanac-lambda")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "almanac-lambda"


def _start_database(processes: Processes, data: Path, stopping: threading.Event) -> None:
    """The program's own database. The program also makes the signing key, and does no jobs: the function does."""
    port = _free_port()
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "PORT": str(port), "JOB_WORKERS": "0"}
    environment |= {name: value for name, value in os.environ.items() if name.startswith("ALMANAC_POSTGRES")}
    environment |= {"ALMANAC_DATA_DIR": str(data), "RUST_LOG": "warn"}
    command = [TARGET / "debug" / "almanac", "serve", "--embedded", "--migrate"]
    processes.start("database", command, environment, REPOSITORY, vital=True)
    _await(f"http://{HOST}:{port}/api/health?deep=1", processes, stopping)


def _settings(url: str, data: Path) -> dict[str, str]:
    """All settings of this machine; a function gets those that the template gives it."""
    if not data.is_dir():
        return {}  # The database did not start, and has said why.
    database = f"@{quote(str(data / 'socket'), safe='')}/almanac"
    return {
        "AUTH_ISSUERS": f'[{{"issuer":"{url}","jwks_url":"{url}/.well-known/jwks.json","built_in":true}}]',
        "AUTH_SIGNING_KEY": (data / "auth_signing_key.pem").read_text(),
        "CORS_ORIGINS": "http://localhost:*,http://127.0.0.1:*",
        "DATABASE_SERVICE_URL": f"postgres://almanac_service{database}",
        "DATABASE_URL": f"postgres://almanac_app{database}",
        "LOG_FORMAT": "text",
        "PUBLIC_URL": url,
    }


def _start_gateway(processes: Processes, arguments: argparse.Namespace, local: dict[str, str]) -> None:
    """`cargo lambda watch`: the address, and the Runtime API behind it. With --watch it also starts the functions."""
    tools = Path(sys.executable).parent
    granted = functions.granted()
    command = [tools / "cargo-lambda", "lambda", "watch", "--invoke-address", HOST, "--invoke-port", str(arguments.port)]
    command += ["--disable-cors"]  # Each function answers browsers itself.
    environment = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"}
    if arguments.watch:
        # It starts them with what it was started with, so all get the settings of all.
        environment |= functions.environment(set().union(*granted.values()), local) | {"PATH": environment["PATH"]}
    else:
        command += ["--only-lambda-apis"]
    processes.start("gateway", command, environment, REPOSITORY, vital=True)
    while not _listens(arguments.port) and not processes.broken.wait(0.05):
        pass
    if arguments.watch:
        return
    url = f"http://{HOST}:{arguments.port}"
    for function, names in granted.items():
        runtime = {
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_RUNTIME_API": f"{url}/.rt/{function}",
        }
        settings = functions.environment(names, local) | runtime
        processes.start(function, [TARGET / "debug" / function], settings, REPOSITORY, vital=False)


def _await(url: str, processes: Processes, stopping: threading.Event) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and not (stopping.is_set() or processes.broken.is_set()):
        try:
            urllib.request.urlopen(url, timeout=CALL_S).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    if time.monotonic() >= deadline:
        say("tools/lambda", f"{url} does not answer")
        processes.broken.set()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


sys.exit(main())
