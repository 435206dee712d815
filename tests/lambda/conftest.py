"""What several files of tests share."""

import pytest

from database import Database
from emulator import Emulator
from settings import SETTINGS


@pytest.fixture(scope="session")
def database():
    """A database of the whole run; tests keep apart by users of their own."""
    with Database() as database:
        yield database


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
