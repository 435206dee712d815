"""Finds the programs of an installed PostgreSQL, for scripts that run a server or its tools themselves."""

import shutil
import subprocess
from pathlib import Path

DEBIAN = Path("/usr/lib/postgresql")


def folder_of_programs() -> Path:
    """The folder with `postgres` and what comes with it: the newest of Debian's, else the one that `pg_config` names."""
    versions = sorted((int(folder.name) for folder in DEBIAN.glob("*") if folder.name.isdecimal()), reverse=True)
    folders = [DEBIAN / str(version) / "bin" for version in versions]
    if pg_config := shutil.which("pg_config"):
        listed = subprocess.run([pg_config, "--bindir"], check=True, capture_output=True, text=True)
        folders.append(Path(listed.stdout.strip()))
    for folder in folders:
        if (folder / "postgres").is_file():
            return folder
    raise SystemExit("PostgreSQL's server is not installed (Debian's package is `postgresql`)")
