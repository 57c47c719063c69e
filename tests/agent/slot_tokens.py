"""Slot tokens for tests, signed with keys made here."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wire.slot_token import SlotToken, assemble, key_id, signing_input, write_claims, write_key

NOW = datetime(2026, 5, 11, 1, 0, tzinfo=UTC)
TOKEN = SlotToken(
    token_id="0b5e9a77-6a3f-4d5a-9f5d-0f4a55aa0001",
    agent_id="0b5e9a77-6a3f-4d5a-9f5d-0f4a55aa0002",
    school_code="E001",
    group="centre-1",
    audience="centre",
    purpose="test",
    kinds=("download", "upload"),
    flows=2,
    quota_bytes=10**12,
    quota_seconds=60,
    not_before=NOW,
    expires_at=NOW + timedelta(seconds=60),
)


class Signer:
    """A collector's key."""

    def __init__(self, seed: int = 1) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(seed.to_bytes(32, "big"))
        self.public = self.private.public_key().public_bytes_raw()
        self.key_id = key_id(self.public)
        self.line = write_key(self.public)

    def sign(self, token: SlotToken) -> str:
        """A token."""
        return self.seal(write_claims(token))

    def seal(self, payload: bytes) -> str:
        """Any payload, signed as a token is."""
        signature = self.private.sign(signing_input(payload, self.key_id))
        return assemble(payload, self.key_id, signature)


def now_token(number: int = 1, **changes: object) -> SlotToken:
    """A token that is good now, by the clock of this machine."""
    begin = datetime.now(UTC).replace(microsecond=0)
    token = replace(
        TOKEN,
        token_id=f"0b5e9a77-6a3f-4d5a-9f5d-{number:012x}",
        not_before=begin - timedelta(seconds=5),
        expires_at=begin + timedelta(seconds=60),
    )
    return replace(token, **changes)  # type: ignore[arg-type] # names of fields


def key_file(directory: Path, *signers: Signer) -> Path:
    """A file with public keys."""
    path = directory / "collector.keys"
    path.write_text("".join(f"{signer.line}  # a key\n" for signer in signers))
    return path
