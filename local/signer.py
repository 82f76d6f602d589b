"""The one-machine token signer: signs what Google signs in the cloud, and serves the certificates that prove it.

It is this machine's metadata server as well: at the cloud's own path it gives the doors an ID token for an audience.

One throwaway RSA key serves both kinds of tokens: those of people (Firebase ID tokens) and those of the queue (OIDC).
The checks are the product's own (shared/web/tokens.py); only the address of the certificates differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from google.auth import crypt, jwt

from shared.config import Settings
from shared.providers.google_identity import IDENTITY_PATH

_crypt: Any = crypt  # google-auth says that it is typed, but these calls are not
_jwt: Any = jwt

KEY_FILE = "signer.pem"
CERTS_MAX_AGE_S = 300
GOOGLE_ISSUER = "https://accounts.google.com"
DOORS_EMAIL = "doors@tiktok-army-local.iam.gserviceaccount.com"


class Signer:
    """Signs tokens with the key in a folder. The first one to look makes the key; everyone after reads it."""

    def __init__(self, folder: Path | str) -> None:
        pem = _key_and_certificate(Path(folder))
        certificate = x509.load_pem_x509_certificate(pem)
        self.key_id = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()[:40]
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM).decode()
        key = serialization.load_pem_private_key(pem, password=None)
        self._signer = _crypt.RSASigner(key, self.key_id)

    @property
    def certs(self) -> dict[str, str]:
        """What `/certs` answers: the certificate by its key id, the form of Google's own addresses."""
        return {self.key_id: self.certificate}

    def token(self, claims: dict[str, Any], ttl_s: float = 3600) -> str:
        """A signed token. `iat` and `exp` are set unless the claims hold them."""
        now = int(time.time())
        encoded: bytes = _jwt.encode(self._signer, {"iat": now, "exp": int(now + ttl_s)} | claims)
        return encoded.decode()

    def task_token(self, email: str, audience: str) -> str:
        """The OIDC token that Cloud Tasks would put on an attempt, for an hour."""
        subject = str(int(hashlib.sha256(email.encode()).hexdigest()[:16], 16))
        about = {"email": email, "email_verified": True, "sub": subject, "azp": subject}
        return self.token({"iss": GOOGLE_ISSUER, "aud": audience} | about)

    def user_token(
        self,
        workspace_id: UUID,
        subject: str,
        *,
        settings: Settings,
        email: str | None = None,
        roles: Sequence[str] = (),
        ttl_s: float = 3600,
        age_s: float = 0,
    ) -> str:
        """The ID token that Firebase Auth would give a person of this workspace, or gave `age_s` ago."""
        now = int(time.time() - age_s)
        claims: dict[str, Any] = {
            "iss": settings.user_token_issuer,
            "aud": settings.user_token_audience,
            "iat": now,
            "auth_time": now,
            "sub": subject,
            "user_id": subject,
            "workspace_id": str(workspace_id),
            "roles": list(roles),
            "firebase": {"identities": {}, "sign_in_provider": "custom"},
        }
        return self.token(claims | ({"email": email} if email else {}), ttl_s)


def _key_and_certificate(folder: Path) -> bytes:
    """The PEM file of the folder, made whole and then linked in place, so that two makers end up with one key."""
    path = folder / KEY_FILE
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=folder)  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_new_pem())
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first: its key is the key
        finally:
            os.unlink(draft)
    return path.read_bytes()


def _new_pem() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local signer, not a real authority")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


class _Certs(BaseHTTPRequestHandler):
    """GET /certs, and GET of an identity as the cloud's metadata server answers it. Everything else is 404."""

    protocol_version = "HTTP/1.1"
    signer: ClassVar[Signer]

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/certs":
            caching = {"Cache-Control": f"public, max-age={CERTS_MAX_AGE_S}"}
            self._answer(200, "application/json", json.dumps(self.signer.certs), caching)
        elif address.path == IDENTITY_PATH:
            self._identity(parse_qs(address.query).get("audience", []))
        else:
            self._answer(404, "application/json", '{"error": "only /certs and an identity are here"}')

    def _identity(self, audiences: list[str]) -> None:
        """The header is what keeps a web page from asking: browsers do not send it to other sites."""
        if self.headers.get("Metadata-Flavor") != "Google":
            self._answer(403, "text/html", "Missing Metadata-Flavor:Google header.")
        elif len(audiences) != 1:
            self._answer(400, "text/html", "non-empty audience parameter required")
        else:
            self._answer(200, "text/html", self.signer.task_token(DOORS_EMAIL, audiences[0]))

    def _answer(self, status: int, kind: str, text: str, more: Mapping[str, str] | None = None) -> None:
        body = text.encode()
        self.send_response(status)
        told = {"Content-Type": kind, "Content-Length": str(len(body)), "Metadata-Flavor": "Google"}
        for name, value in {**told, **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: one line per request says nothing here."""


def certs_server(signer: Signer, port: int) -> ThreadingHTTPServer:
    """A server of this signer's certificates on 127.0.0.1; port 0 takes a free one."""
    door = type("Certs", (_Certs,), {"signer": signer})
    return ThreadingHTTPServer(("127.0.0.1", port), door)


def main(argv: list[str] | None = None) -> None:
    """`python -m local.signer`: serves the certificates until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m local.signer", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1; 0 takes a free one and prints it")
    parser.add_argument("--dir", type=Path, required=True, help="where the key is kept; made if it is absent")
    given = parser.parse_args(argv)
    try:
        server = certs_server(Signer(given.dir), given.port)
    except (OSError, ValueError, OverflowError) as wrong:
        sys.exit(f"local.signer cannot start: {wrong}")
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    Thread(target=server.serve_forever, daemon=True).start()
    print(f"signer: certificates on http://127.0.0.1:{server.server_port}/certs", file=sys.stderr, flush=True)
    stop.wait()
    server.shutdown()


if __name__ == "__main__":
    main()
