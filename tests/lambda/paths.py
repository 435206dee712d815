"""Where things are."""

import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BINARIES = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "debug"
TOOLS = Path(sys.executable).parent
"""The programs that came with the Python packages, such as sam and cfn-lint."""
