"""What several files of tests share."""

import pytest

from database import Database
from emulator import Emulator
from paths import RELEASE
from settings import SETTINGS


@pytest.fixture(scope="session")
def database():
    """A database of the whole run; tests keep apart by users of their own."""
    with Database() as database:
        yield database


MEMORY = pytest.StashKey[dict[str, int]]()


@pytest.fixture(scope="session")
def memory(pytestconfig) -> dict[str, int]:
    """How much memory each function held when it had served its events, in kibibytes; told at the end."""
    return pytestconfig.stash.setdefault(MEMORY, {})


def pytest_terminal_summary(terminalreporter, config):
    measured = config.stash.get(MEMORY, {})
    if measured:
        terminalreporter.section(f"resident after all events ({'release' if RELEASE else 'debug'} build)")
        for function, kilobytes in sorted(measured.items()):
            terminalreporter.write_line(f"{function:<16}{kilobytes / 1024:6.1f} MiB")


@pytest.fixture
def start(tmp_path):
    """Starts a function's binary under the emulator, with its settings and some others."""
    running = []

    def start(function: str, **settings: str) -> Emulator:
        emulator = Emulator(function, SETTINGS[function] | settings, tmp_path)
        running.append(emulator)
        return emulator.__enter__()

    yield start
    for emulator in running:
        emulator.__exit__()
