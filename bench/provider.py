"""An OpenID provider that lets everybody in as alice: just enough for one login to Apache's mod_auth_openidc."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

CLIENT, SECRET = "bench", "no secret at all, only for the bench"
PLACES = {"issuer": "", "authorization_endpoint": "/auth", "token_endpoint": "/token", "jwks_uri": "/jwks"}
METADATA = {
    "response_types_supported": ["code"],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["HS256"],
}


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def id_token(issuer: str, nonce: str, now: int) -> str:
    """Signed with the client's secret (HS256): nobody has to fetch a key."""
    claims = {"iss": issuer, "sub": "alice", "aud": CLIENT, "iat": now, "exp": now + 3600, "nonce": nonce}
    said = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    signature = hmac.digest(SECRET.encode(), said.encode(), "sha256")
    return f"{said}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """What there is; or straight back: the code is the nonce, so there is nothing to remember."""
        url = urlsplit(self.path)
        if url.path != "/auth":
            self._say(METADATA | {name: self._issuer + path for name, path in PLACES.items()})
            return
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.send_response(302)
        back = f"code={quote(asked['nonce'])}&state={quote(asked['state'])}"
        self.send_header("Location", f"{asked['redirect_uri']}?{back}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        token = id_token(self._issuer, sent["code"][0], int(time.time()))
        self._say({"access_token": "a", "token_type": "Bearer", "id_token": token})

    @property
    def _issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]

    def _say(self, members: dict[str, Any]) -> None:
        body = json.dumps(members).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", f"{len(body)}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def provider() -> Iterator[str]:
    """Its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
