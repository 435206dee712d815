"""Trusted roots as they are deployed: a folder, made by tools/roots, that OpenSSL looks up one by one."""

import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import events
from paths import REPOSITORY

MAKE = REPOSITORY / "tools" / "roots" / "make"
NEW_KEY = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 2".split()


def authority(folder: Path, name: str) -> Path:
    """A certificate authority of the test's own: `<name>.pem` beside its key."""
    made = ["-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", "-subj", f"/CN={name}"]
    subprocess.run([*NEW_KEY, *made], check=True, capture_output=True)
    return folder / f"{name}.pem"


def roots(folder: Path, *authorities: Path) -> Path:
    bundle = folder / "bundle.pem"
    bundle.write_text("A remark.\n" + "".join(file.read_text() for file in authorities))
    made = folder / "roots"
    subprocess.run([MAKE, made, "--bundle", bundle], check=True, capture_output=True)
    return made


@pytest.fixture
def vendor(tmp_path):
    """An HTTPS server of an authority named `known`, and the paths that it was asked for."""
    known = authority(tmp_path, "known")
    files = ["-keyout", tmp_path / "own.key", "-out", tmp_path / "own.pem", "-subj", "/CN=localhost"]
    signed = ["-CA", known, "-CAkey", known.with_suffix(".key"), "-addext", "basicConstraints=CA:FALSE"]
    subprocess.run(
        [*NEW_KEY, *files, *signed, "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True
    )
    asked = []

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.path)
            self.send_error(401)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Refusing)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem", tmp_path / "own.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://localhost:{server.server_port}", known, asked
    server.shutdown()


def ask(start, address: str, folder: Path):
    # As in template.yaml.
    function = start(
        "conversation", OPENAI_BASE_URL=f"{address}/v1", SSL_CERT_DIR=str(folder), SSL_CERT_FILE="/dev/null"
    )
    body = {"apiKey": "test", "message": "Plan my Monday, please.", "model": "gpt-test"}
    return function.invoke(events.rest("POST", "/api/conversation", body=body))


def test_a_vendor_of_a_root_in_the_folder_is_trusted(start, tmp_path, vendor):
    address, known, asked = vendor
    ask(start, address, roots(tmp_path, authority(tmp_path, "other"), known))
    assert len(asked) == 1, "the call reached the vendor"


def test_a_vendor_of_no_root_in_the_folder_is_not(start, tmp_path, vendor):
    address, _known, asked = vendor
    answer = ask(start, address, roots(tmp_path, authority(tmp_path, "other")))
    assert (answer.status // 100, asked) == (5, []), answer.body


def test_authorities_of_one_name_do_not_hide_each_other(tmp_path):
    (tmp_path / "a").mkdir()
    first, second = authority(tmp_path, "same"), authority(tmp_path / "a", "same")
    folder = roots(tmp_path, first, second, first)
    names = sorted(file.name for file in folder.iterdir())
    assert [name.split(".")[1] for name in names] == ["0", "1"], "and none is there twice"
    for file in (first, second):
        subprocess.run(["openssl", "verify", "-no-CAfile", "-no-CAstore", "-CApath", folder, file], check=True)


def test_what_is_trusted_no_longer_does_not_stay(tmp_path):
    root = authority(tmp_path, "old")
    roots(tmp_path, root)
    again = subprocess.run([MAKE, tmp_path / "roots", "--bundle", root], capture_output=True, text=True)
    assert again.returncode != 0 and "is not empty" in again.stderr
