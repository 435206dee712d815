"""The image's root file system, put together by hand, and programs that run in it as Docker would run them."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from dockerfile import Stage

# What the packages of gcr.io/distroless/cc-debian12 hold of what a program can be linked to: libc6, libgcc-s1, libssl3.
LIBRARIES = {
    "ld-linux-aarch64.so.1", "ld-linux-x86-64.so.2", "libc.so.6", "libcrypto.so.3", "libdl.so.2", "libgcc_s.so.1",
    "libm.so.6", "libpthread.so.0", "libresolv.so.2", "librt.so.1", "libssl.so.3",
}  # fmt: skip
NONROOT = 65532
PASSWD = f"root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:{NONROOT}:{NONROOT}:nonroot:/home/nonroot:/sbin/nologin\n"
# In a namespace of its own: nothing can be written but /tmp, and there are no other processes.
ENTER = """
mount --bind "$1" "$1" && mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" \
  && mount -t tmpfs -o mode=1777 tmpfs "$1/tmp" && mount -o remount,bind,ro "$1" || exit 125
root=$1 user=$2; shift 2
exec setpriv --no-new-privs --inh-caps=-all chroot --userspec="$user" --groups="" "$root" "$@"
"""


class Image:
    """What the last stage describes, below a folder."""

    def __init__(self, root: Path, stage: Stage) -> None:
        self._root, self._stage = root, stage

    def assemble(self, built: dict[str, Path]) -> None:
        """Lays out the base and what the stage copies; `built` has the files of the build stage by their paths."""
        for folder in ["dev", "etc/ssl/certs", "home/nonroot", "proc", "tmp"]:
            (self._root / folder).mkdir(parents=True)
        (self._root / "etc/passwd").write_text(PASSWD)
        (self._root / "etc/group").write_text(f"root:x:0:\nnonroot:x:{NONROOT}:\n")
        (self._root / "etc/hosts").write_text("127.0.0.1 localhost\n")
        for _, sources, target in self._stage.copies:
            [source] = sources
            place = self._root / target.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            if built[source].is_dir():
                shutil.copytree(built[source], place)
            else:
                shutil.copy(built[source], place)
                place.chmod(0o555)
        for library in _libraries(built[self._program()]):
            place = self._root / str(library).lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library.resolve(), place)

    def _program(self) -> str:
        [source] = [sources[0] for _, sources, target in self._stage.copies if target == self._stage.entrypoint[0]]
        return source

    def start(self, settings: dict[str, str], command: list[str] | None = None, **streams: object) -> subprocess.Popen:
        """The entry point with a command (the stage's own without one) and these settings beside the stage's."""
        return self._start(self._stage.entrypoint + (command or self._stage.command), settings, **streams)

    def check_health(self, settings: dict[str, str]) -> subprocess.CompletedProcess:
        """What Docker does every few seconds."""
        process = self._start(self._stage.health, settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said, _ = process.communicate(timeout=30)
        return subprocess.CompletedProcess(self._stage.health, process.returncode, said)

    def _start(self, command: list[str], settings: dict[str, str], **streams: object) -> subprocess.Popen:
        user = self._stage.user if ":" in self._stage.user else f"{self._stage.user}:{self._stage.user}"
        enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "enter"]
        environment = {"PATH": os.environ["PATH"]} | self._stage.env | settings
        return subprocess.Popen([*enter, str(self._root), user, *command], env=environment, **streams)


def stop(process: subprocess.Popen, stop_signal: str) -> int:
    """Sends the program, not what holds its namespace, the signal; gives how it ended."""
    os.kill(program_of(process), signal.Signals[stop_signal])
    return process.wait(timeout=60)


def program_of(process: subprocess.Popen) -> int:
    """The process id of the program in the namespace."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(children[0])


def status_of(pid: int) -> dict[str, str]:
    """What the kernel says about a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(re.split(r":\s*", line, maxsplit=1) for line in lines)


def _libraries(program: Path) -> list[Path]:
    """The libraries that a program is linked to, with the loader: all of them must be in the base."""
    listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    paths = [Path(path) for path in re.findall(r"(/\S+) \(0x", listed)]
    missing = {path.name for path in paths} - LIBRARIES
    assert not missing, f"not in the base image: {missing}"
    return paths
