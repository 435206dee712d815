"""A model provider that is reached over TLS, whose certificate is of an authority of its own."""

import json
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SAYS = "Monday begins at nine."


class Provider:
    """OpenAI's chat completions over HTTPS; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "authority.pem"
        """The authority that vouches for it."""
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        authority_key = folder / "authority.key"
        _run([*make, "-subj", "/CN=an authority", "-keyout", authority_key, "-out", self.root])
        signed = ["-CA", self.root, "-CAkey", authority_key, "-addext", "subjectAltName=IP:127.0.0.1"]
        _run([*make, "-subj", "/CN=provider", *signed, "-addext", "basicConstraints=CA:FALSE", "-keyout", key, "-out", certificate])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> "Provider":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def trust(self, roots: Path) -> None:
        """Puts the authority among the roots, named as OpenSSL looks for it."""
        name = ["openssl", "x509", "-noout", "-hash", "-in", self.root]
        digest = subprocess.run(name, check=True, capture_output=True, text=True).stdout.strip()
        (roots / f"{digest}.0").write_bytes(self.root.read_bytes())

    @property
    def base_url(self) -> str:
        return f"https://127.0.0.1:{self._server.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for delta, reason in [({"content": SAYS}, None), ({}, "stop")]:
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 0, "model": "test", "choices": [choice]}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        pass


def _run(command: list[object]) -> None:
    subprocess.run(command, check=True, capture_output=True)
