"""The programs that run together: what they say is shown under their names, and who dies is started again."""

import subprocess
import sys
import threading
import time
from pathlib import Path

RESTART_S_MIN, RESTART_S_MAX = 1, 30
STOP_S = 20
# Who has run for so long starts again without waiting.
STEADY_S = 60


class Processes:
    """Programs that end together; use it as a context manager."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, subprocess.Popen] = {}
        self._stopping = threading.Event()
        self.broken = threading.Event()
        """Set when a program has ended that the others cannot do without."""

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        """Ends all, the last that was started first."""
        self._stopping.set()
        with self._lock:
            running = list(self._running.values())
        for process in reversed(running):
            process.terminate()
            try:
                process.wait(timeout=STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()

    def start(self, name: str, command: list[str | Path], environment: dict[str, str], folder: Path, *, vital: bool) -> None:
        """Starts a program. When a vital one ends, `broken` is set; another is started again."""
        process = self._spawn(name, command, environment, folder)
        follow = (name, process, command, environment, folder, vital)
        threading.Thread(target=self._follow, args=follow, daemon=True).start()

    def _spawn(self, name: str, command: list, environment: dict[str, str], folder: Path) -> subprocess.Popen:
        with self._lock:
            # In a session of its own, so that Ctrl-C reaches this program alone, which ends the others in order.
            self._running[name] = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
            )  # fmt: skip
            return self._running[name]

    def _follow(self, name: str, process: subprocess.Popen, command, environment, folder, vital: bool) -> None:
        wait_s = RESTART_S_MIN
        while True:
            started = time.monotonic()
            for line in process.stdout:
                say(name, line.rstrip("\n"))
            status = process.wait()
            if self._stopping.is_set():
                return
            if vital:
                say(name, f"has ended with status {status}")
                self.broken.set()
                return
            wait_s = RESTART_S_MIN if time.monotonic() - started > STEADY_S else wait_s
            say(name, f"has ended with status {status}; starting it again in {wait_s} s")
            if self._stopping.wait(wait_s):
                return
            wait_s = min(2 * wait_s, RESTART_S_MAX)
            process = self._spawn(name, command, environment, folder)


def say(name: str, line: str) -> None:
    """One line, under the name of who says it."""
    sys.stdout.write(f"{name:<14} {line}\n")
    sys.stdout.flush()
