"""A stand-in for an OpenID provider on loopback, which gives right and wrong tokens."""

import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "hakaru", "the-clients-secret-of-the-test"
NAME = "aoi@board.example"
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
FOREIGN = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
Change = Callable[["StandIn", dict[str, Any]], str]


class StandIn:
    """A provider that says what the test has it say."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.keys = [KEY]
        self.nonce = self.challenge = ""
        self.code = "the-code"
        self.token: Change = signed
        self.groups: object = ["hakaru-operators"]
        self.metadata: dict[str, Any] = {}
        self.asked: list[tuple[str, dict[str, list[str]], str]] = []
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = {
                    "/.well-known/openid-configuration": stand_in.discovery,
                    "/keys": lambda: {
                        "keys": [key.as_dict(private=False) for key in stand_in.keys]
                    },
                }.get(self.path)
                self.say(200 if answer else 404, answer() if answer else {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                form = parse_qs(body)
                stand_in.asked.append((self.path, form, self.headers["authorization"] or ""))
                self.say(*stand_in.exchange(form, self.headers["authorization"] or ""))

            def say(self, status: int, answer: dict[str, Any]) -> None:
                raw = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.issuer = f"https://localhost:{self.server.server_port}"

    def discovery(self) -> dict[str, Any]:
        """What it publishes of itself."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        } | self.metadata

    def exchange(
        self, form: dict[str, list[str]], authorization: str
    ) -> tuple[int, dict[str, Any]]:
        """Give the token for the code, where client and verifier are right."""
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        digest = hashlib.sha256(form["code_verifier"][0].encode()).digest()
        proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if authorization != f"Basic {basic}":
            return 401, {"error": "invalid_client"}
        if form["code"] != [self.code] or proof != self.challenge:
            return 400, {"error": "invalid_grant"}
        return 200, {
            "access_token": "an-access-token",
            "token_type": "Bearer",
            "id_token": self.token(self, self.claims()),
        }

    def claims(self) -> dict[str, Any]:
        """What a right token says."""
        now = int(NOW().timestamp())
        return {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "248289761001",
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "preferred_username": NAME,
            "groups": self.groups,
        }


def NOW() -> datetime:  # noqa: N802 - the moment that every test shares
    """The stand-in's clock and the collector's."""
    return datetime(2026, 5, 18, tzinfo=UTC)


class Still:
    """A clock that stands, and a stopwatch that the test moves."""

    seconds = 0.0

    def now(self) -> datetime:
        """As the stand-in."""
        return NOW()

    def monotonic_seconds(self) -> float:
        """As set."""
        return self.seconds


def signed(_: StandIn, claims: dict[str, Any]) -> str:
    """A right token."""
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, KEY)


def with_claims(**changes: Any) -> Change:
    """A token whose claims are others; None leaves one out; a number is seconds from now."""

    def change(stand_in: StandIn, claims: dict[str, Any]) -> str:
        made = claims | {
            key: int(NOW().timestamp()) + value
            if key in {"exp", "nbf", "iat"} and value is not None
            else value
            for key, value in changes.items()
        }
        return signed(stand_in, {key: value for key, value in made.items() if value is not None})

    return change


def without_signature(stand_in: StandIn, claims: dict[str, Any]) -> str:
    """alg=none."""
    head = base64.urlsafe_b64encode(b'{"alg":"none","kid":"one"}').rstrip(b"=").decode()
    return f"{head}.{signed(stand_in, claims).split('.')[1]}."


def by_shared_secret(_: StandIn, claims: dict[str, Any]) -> str:
    """HS256 by the text of the public key: the classic confusion."""
    parts = [json.dumps({"alg": "HS256", "kid": "one"}), json.dumps(claims)]
    text = b".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=") for part in parts)
    made = hmac.digest(KEY.as_pem(private=False), text, "sha256")
    return (text + b"." + base64.urlsafe_b64encode(made).rstrip(b"=")).decode()


WRONG: dict[str, Change] = {
    "expired": with_claims(exp=-121),
    "not yet valid": with_claims(nbf=121),
    "issued in the future": with_claims(iat=121),
    "wrong audience": with_claims(aud="another"),
    "audiences of several without azp": with_claims(aud=["another"]),
    "azp of another": with_claims(aud=[CLIENT, "another"], azp="another"),
    "another audience, though asked for by us": with_claims(aud="another", azp=CLIENT),
    "no audience": with_claims(aud=None),
    "wrong issuer": with_claims(iss="https://evil.example"),
    "no issuer": with_claims(iss=None),
    "wrong nonce": with_claims(nonce="another"),
    "no nonce": with_claims(nonce=None),
    "no subject": with_claims(sub=None),
    "subject not a text": with_claims(sub=7),
    "no expiry": with_claims(exp=None),
    "wrong at_hash": with_claims(at_hash="AAAA"),
    "alg=none": without_signature,
    "HS256 by the public key": by_shared_secret,
    "foreign key": lambda _, claims: jwt.encode({"alg": "RS256", "kid": "one"}, claims, FOREIGN),
    "unknown key": lambda _, claims: jwt.encode({"alg": "RS256", "kid": "two"}, claims, FOREIGN),
    "cut": lambda stand_in, claims: signed(stand_in, claims)[:-2],
    "cut in the claims": lambda stand_in, claims: signed(stand_in, claims)[:60],
    "empty": lambda *_: "",
    "not a token": lambda *_: "x.y.z",
    "changed": lambda stand_in, claims: signed(stand_in, claims).replace(".e", ".f", 1),
}


def config(folder: Path, stand_in: StandIn, **changes: str) -> Path:
    """The file of the provider."""
    (folder / "secret").write_text(f"{SECRET}\n")
    lines = {
        "names": f'["{NAME}", "*@other.example"]',
        "claim": '"groups"',
        "secret": '"secret"',
        "name_claim": '"preferred_username"',
    } | changes
    path = folder / "provider.toml"
    path.write_text(
        f"""
[provider]
name = "Board sign-in"
issuer = "{stand_in.issuer}"
client_id = "{CLIENT}"
client_secret_file = {lines["secret"]}
redirect_uri = "https://hakaru.example/sign-in/provider/back"
ca_file = "ca.pem"
name_claim = {lines["name_claim"]}

[roles]
claim = {lines["claim"]}
administrator = ["hakaru-administrators"]
operator = ["hakaru-operators"]
viewer = ["staff"]

[allow]
names = {lines["names"]}
"""
    )
    return path
