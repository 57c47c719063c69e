"""What it costs to know who is asking, per request: token, signed request, certificate.

Run: ``python benchmarks/identity.py``. Each way is measured as processor time of one thread over
many requests, for a heartbeat of 600 bytes and for a batch of 60 kB. What a proxy does for mTLS is
the handshake: certificates of both sides are verified and a session is made, on loopback in memory.
"""

import argparse
import base64
import hashlib
import hmac
import json
import secrets
import sqlite3
import ssl
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import trustme
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECONDS: Final = 2.0
BODIES: Final = {"heartbeat, 0.6 kB": 600, "batch, 60 kB": 60_000}
FRESH_SECONDS: Final = 300.0


def microseconds(work: Callable[[], object], seconds: float) -> float:
    """Processor time of one call."""
    work()
    count, began = 0, time.process_time()
    while time.process_time() - began < seconds:
        work()
        count += 1
    return (time.process_time() - began) / count * 1e6


def database() -> sqlite3.Connection:
    """A table of 30,000 agents."""
    made = sqlite3.connect(":memory:")
    made.execute("CREATE TABLE agent (agent_id TEXT, token_sha256 TEXT UNIQUE, public_key BLOB)")
    made.execute("CREATE TABLE nonce (agent_id TEXT, nonce TEXT, PRIMARY KEY (agent_id, nonce))")
    rows = [
        (str(number), secrets.token_hex(32), secrets.token_bytes(32)) for number in range(30_000)
    ]
    made.executemany("INSERT INTO agent VALUES (?, ?, ?)", rows)
    return made


def token(connection: sqlite3.Connection) -> Callable[[], object]:
    """Hash the bearer token and look it up."""
    mine = secrets.token_urlsafe(32)
    connection.execute(
        "INSERT INTO agent VALUES ('me', ?, x'')", (hashlib.sha256(mine.encode()).hexdigest(),)
    )

    def check() -> object:
        hashed = hashlib.sha256(mine.encode()).hexdigest()
        return connection.execute(
            "SELECT agent_id FROM agent WHERE token_sha256 = ?", (hashed,)
        ).fetchone()[0]

    return check


def signing(key: Ed25519PrivateKey, body: bytes) -> Callable[[], tuple[bytes, bytes, str]]:
    """The agent's part: hash the body, sign method, path, hash, time and nonce."""

    def sign() -> tuple[bytes, bytes, str]:
        nonce = secrets.token_hex(16)
        covered = "\n".join(
            ("POST", "/v1/measurements", hashlib.sha256(body).hexdigest(), str(time.time()), nonce)
        ).encode()
        return covered, key.sign(covered), nonce

    return sign


def verifying(
    connection: sqlite3.Connection, key: Ed25519PrivateKey, body: bytes
) -> Callable[[], object]:
    """The collector's part: hash, look up the key, verify, look at the time, keep the nonce."""
    public = key.public_key()
    covered, signature, _ = signing(key, body)()
    sent = float(covered.split(b"\n")[3])

    def verify() -> object:
        if not hmac.compare_digest(
            hashlib.sha256(body).hexdigest().encode(), covered.split(b"\n")[2]
        ):
            raise ValueError("another body")
        connection.execute("SELECT public_key FROM agent WHERE agent_id = ?", ("29999",)).fetchone()
        public.verify(signature, covered)
        if abs(time.time() - sent) > FRESH_SECONDS:
            raise ValueError("not fresh")
        connection.execute("INSERT INTO nonce VALUES ('me', ?)", (secrets.token_hex(16),))
        return None

    return verify


def handshake(*, mutual: bool) -> Callable[[], object]:
    """One TLS handshake, both ends in this process; ``mutual``: the client too has to show one."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("collector.example", key_type=trustme.KeyType.ECDSA).configure_cert(server)
    authority.configure_trust(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    if mutual:
        server.verify_mode = ssl.CERT_REQUIRED
        shown = authority.issue_cert("agent@school.example", key_type=trustme.KeyType.ECDSA)
        shown.configure_cert(client)

    def shake() -> object:
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        one = client.wrap_bio(to_client, to_server, server_hostname="collector.example")
        other = server.wrap_bio(to_server, to_client, server_side=True)
        waiting = [one, other]
        while waiting:
            for end in list(waiting):
                try:
                    end.do_handshake()
                    waiting.remove(end)
                except ssl.SSLWantReadError:
                    continue
        return other.getpeercert()

    return shake


def measure(seconds: float) -> list[dict[str, object]]:
    """Measure every way with every body."""
    found: list[dict[str, object]] = []
    key, connection = Ed25519PrivateKey.generate(), database()
    # an index as the lookup of a public key would have
    connection.execute("CREATE UNIQUE INDEX agent_by_id ON agent (agent_id)")
    check = microseconds(token(connection), seconds)
    for name, size in BODIES.items():
        body = base64.b64encode(secrets.token_bytes(size))[:size]
        sign = microseconds(signing(key, body), seconds)
        verify = microseconds(verifying(connection, key, body), seconds)
        found += [
            {"way": "token, SHA-256", "body": name, "agent_us": 0.0, "collector_us": check},
            {"way": "Ed25519 signature", "body": name, "agent_us": sign, "collector_us": verify},
        ]
    for way, mutual in (("TLS handshake, both ends", False), ("mTLS handshake, both ends", True)):
        took = microseconds(handshake(mutual=mutual), seconds)
        found.append({"way": way, "body": "per connection", "agent_us": None, "collector_us": took})
    return found


def main() -> int:
    """Print one line a way, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.seconds)
    if options.json:
        print(json.dumps({"at": datetime.now(UTC).isoformat(), "found": found}))
        return 0
    print(f"{'way':28}{'body':20}{'agent':>12}{'collector':>12}   (microseconds of CPU)")
    for row in found:
        agent = "" if row["agent_us"] is None else f"{row['agent_us']:.1f}"
        print(f"{row['way']!s:28}{row['body']!s:20}{agent:>12}{row['collector_us']:>12.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
