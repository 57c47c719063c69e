"""Keys, digests and ciphers of SNMP v3's users (RFC 3414, RFC 3826, RFC 7860). Pure.

AES-192 and AES-256 stand in no RFC; with SHA-2 of at least their length the key needs no
stretching, so all implementations agree. With SHA-1 they do not, and it is refused
(:mod:`agent.snmp.access`).
"""

import hashlib
import hmac
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
    from cryptography.hazmat.primitives.ciphers import Cipher


class Auth(StrEnum):
    """Hash of authentication."""

    SHA1 = "sha1"
    SHA224 = "sha224"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


class Privacy(StrEnum):
    """Cipher."""

    AES128 = "aes128"
    AES192 = "aes192"
    AES256 = "aes256"


DIGEST_BYTES: Final = {
    Auth.SHA1: 12,
    Auth.SHA224: 16,
    Auth.SHA256: 24,
    Auth.SHA384: 32,
    Auth.SHA512: 48,
}
HASH_BYTES: Final = {
    Auth.SHA1: 20,
    Auth.SHA224: 28,
    Auth.SHA256: 32,
    Auth.SHA384: 48,
    Auth.SHA512: 64,
}
KEY_BYTES: Final = {Privacy.AES128: 16, Privacy.AES192: 24, Privacy.AES256: 32}
_MEGABYTE: Final = 1_048_576
SALT_BYTES: Final = 8


@lru_cache(maxsize=64)
def _key(auth: Auth, password: bytes) -> bytes:
    repeated = (password * (_MEGABYTE // len(password) + 1))[:_MEGABYTE]
    return hashlib.new(auth.value, repeated).digest()


@lru_cache(maxsize=1_024)
def localised_key(auth: Auth, password: bytes, engine_id: bytes) -> bytes:
    """Make the key of a password at one engine (RFC 3414 section 2.6 and A.2)."""
    key = _key(auth, password)
    return hashlib.new(auth.value, key + engine_id + key).digest()


def digest(auth: Auth, key: bytes, message: bytes) -> bytes:
    """Authenticate a whole message in which the digest is zeros."""
    return hmac.new(key, message, auth.value).digest()[: DIGEST_BYTES[auth]]


def is_authentic(auth: Auth, key: bytes, message: bytes, digest_at: int, said: bytes) -> bool:
    """Whether the digest that stands in a message is right."""
    if len(said) != DIGEST_BYTES[auth]:
        return False
    blank = message[:digest_at] + bytes(len(said)) + message[digest_at + len(said) :]
    return hmac.compare_digest(digest(auth, key, blank), said)


def encrypt(key: bytes, boots: int, time_seconds: int, salt: bytes, data: bytes) -> bytes:
    """AES-CFB over a scoped PDU (RFC 3826 section 3.1)."""
    worker = _cipher(key, boots, time_seconds, salt).encryptor()
    return worker.update(data) + worker.finalize()


def decrypt(key: bytes, boots: int, time_seconds: int, salt: bytes, data: bytes) -> bytes:
    """Undo it. A wrong key gives nonsense, not an error."""
    worker = _cipher(key, boots, time_seconds, salt).decryptor()
    return worker.update(data) + worker.finalize()


def _cipher(key: bytes, boots: int, time_seconds: int, salt: bytes) -> "Cipher[CFB]":
    # only v3 needs the library, and an appliance without v3 does not load it
    from cryptography.hazmat.primitives.ciphers import Cipher  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.algorithms import AES  # noqa: PLC0415

    try:
        from cryptography.hazmat.decrepit.ciphers.modes import CFB  # noqa: PLC0415
    except ImportError:  # before release 47 it stood elsewhere
        from cryptography.hazmat.primitives.ciphers.modes import CFB  # noqa: PLC0415

    vector = boots.to_bytes(4, "big") + time_seconds.to_bytes(4, "big") + salt
    return Cipher(AES(key), CFB(vector))
