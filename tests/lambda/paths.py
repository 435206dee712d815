"""Where things are."""

import os
import sys
import zipfile
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
TOOLS = Path(sys.executable).parent
"""The programs that came with the Python packages, such as sam and cfn-lint."""
RELEASE = os.environ.get("LAMBDA_BINARIES") == "release"
"""Whether the functions are those that would be deployed, as `cargo lambda build --release` leaves them."""
ALMANAC = TARGET / "debug" / "almanac"
"""The single program, which brings the database along."""


@cache
def binary(function: str) -> Path:
    """The program of a function."""
    if not RELEASE:
        return TARGET / "debug" / function
    built = TARGET / "lambda" / function / "bootstrap"
    packed = built.with_suffix(".zip")
    if packed.exists() and not (built.exists() and built.stat().st_mtime >= packed.stat().st_mtime):
        zipfile.ZipFile(packed).extract("bootstrap", built.parent)
        built.chmod(0o755)
    return built
