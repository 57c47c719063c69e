"""B7: to a peer that cannot show who it is, not a byte of what was measured goes, nor the token."""

import asyncio
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
import trustme

from agent.identity import Enrolment
from agent.push import Pusher, PushSettings, new_client
from agent.reply import Action
from agent.spool import Spool
from tests.agent.spooling import AGENT, FakeClock, measurement

NOW = datetime.now(UTC)


class Peer:
    """Listens on loopback with a certificate, or without TLS; keeps what it could read."""

    def __init__(self, certificate: trustme.LeafCert | None, **limits: ssl.TLSVersion) -> None:
        self.context: ssl.SSLContext | None = None
        if certificate is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(self.context)
            for name, value in limits.items():
                setattr(self.context, name, value)
        self.heard = b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        raw, _ = self.listener.accept()
        raw.settimeout(10)
        try:
            with (
                raw
                if self.context is None
                else self.context.wrap_socket(raw, server_side=True) as connection
            ):
                self.heard = connection.recv(65536)
        except OSError:
            return  # the agent broke off, as it should

    def close(self) -> None:
        """Wait for what was said."""
        self.thread.join(20)
        self.listener.close()


@pytest.mark.parametrize(
    "wrong", ["unknown authority", "other name", "expired", "not yet valid", "no TLS", "none"]
)
def test_no_byte_for_a_peer_that_is_not_the_collector(tmp_path: Path, wrong: str) -> None:
    """Results stay; with the right certificate (the control) the same delivery speaks."""
    authority = trustme.CA()
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    made = {
        "unknown authority": lambda: trustme.CA().issue_cert("127.0.0.1"),
        "other name": lambda: authority.issue_cert("other.example", "127.0.0.2"),
        "expired": lambda: authority.issue_cert(
            "127.0.0.1", not_before=NOW - timedelta(days=9), not_after=NOW - timedelta(days=1)
        ),
        "not yet valid": lambda: authority.issue_cert(
            "127.0.0.1", not_before=NOW + timedelta(days=1), not_after=NOW + timedelta(days=9)
        ),
        "no TLS": lambda: None,
        "none": lambda: authority.issue_cert("127.0.0.1"),
    }[wrong]()
    peer = Peer(made)
    spool = Spool(tmp_path / "spool.db", agent_id=AGENT, clock=FakeClock(), random=Random(1))
    assert spool.accept(measurement()) is not None
    settings = PushSettings(ca_file=str(trusted))

    async def deliver() -> object:
        async with new_client(settings) as client:
            enrolment = Enrolment(collector=peer.url, token="the-secret-token-of-the-agent")
            return await Pusher(spool, enrolment, settings, client, FakeClock(), Random(1)).drain()

    verdict = asyncio.run(deliver())
    peer.close()
    waiting = spool.counts().waiting_count
    spool.close()
    assert getattr(verdict, "action", None) is Action.KEEP
    assert waiting == 1
    if wrong == "none":
        assert b"the-secret-token-of-the-agent" in peer.heard
    elif wrong == "no TLS":
        assert peer.heard[:1] == b"\x16"  # the greeting of TLS, which says nothing
        assert b"secret-token" not in peer.heard
    else:
        assert peer.heard == b""
