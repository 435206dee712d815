"""A PostgreSQL that is reached over TCP with passwords, as a container's is."""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from postgres_programs import folder_of_programs

PASSWORD = "owner-of-a-test"


class Postgres:
    """A server of the installed PostgreSQL; use it as a context manager."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._bin = folder_of_programs()
        # PostgreSQL refuses to run as root.
        self._user = pwd.getpwnam("postgres") if os.getuid() == 0 else pwd.getpwuid(os.getuid())

    def __enter__(self) -> "Postgres":
        self._folder = Path(tempfile.mkdtemp(prefix="almanac-container-", dir="/var/tmp"))
        os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        password = self._folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        data = ["-D", self._folder / "data"]
        self._run("initdb", *data, "--no-sync", "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={password}")
        options = ["-c", f"port={self._port}", "-c", f"unix_socket_directories={self._folder}", "-c", "fsync=off"]
        log = (self._folder / "log").open("wb")
        self._server = subprocess.Popen(
            [self._bin / "postgres", *data, *options], user=self._user.pw_uid, group=self._user.pw_gid,
            extra_groups=[], cwd="/", stdout=log, stderr=log,
        )  # fmt: skip
        while subprocess.run([self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self._port)]).returncode:
            assert self._server.poll() is None, (self._folder / "log").read_text()
            time.sleep(0.1)
        environment = os.environ | {"PGPASSWORD": PASSWORD}
        create = ["createdb", "-h", "127.0.0.1", "-p", str(self._port), "-U", "postgres", "almanac"]
        subprocess.run([self._bin / create[0], *create[1:]], check=True, env=environment)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.wait(timeout=30)
        shutil.rmtree(self._folder)

    def url(self, user: str, password: str) -> str:
        """The address of the database for a login."""
        return f"postgres://{user}:{password}@127.0.0.1:{self._port}/almanac?sslmode=disable"

    def row(self, query: str) -> dict:
        """The one row that a query gives to the owner, whom row-level security does not hold."""
        command = [self._bin / "psql", "-XAtq", self.url("postgres", PASSWORD)]
        asked = f"select row_to_json(found) from ({query}) found"
        told = subprocess.run([*command, "-c", asked], check=True, capture_output=True, text=True).stdout
        return json.loads(told)

    def _run(self, program: str, *arguments: object) -> None:
        command = [self._bin / program, *map(str, arguments)]
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, cwd="/", user=self._user.pw_uid, group=self._user.pw_gid
        )
