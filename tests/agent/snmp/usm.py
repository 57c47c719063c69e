"""The user-based security model (RFC 3414, 3826, 7860) for the tests' own agent."""

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

try:
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
except ImportError:
    from cryptography.hazmat.primitives.ciphers.modes import CFB

DIGEST_BYTES = {"sha1": 12, "sha224": 16, "sha256": 24, "sha384": 32, "sha512": 48}
KEY_BYTES = {"aes128": 16, "aes192": 24, "aes256": 32}


@dataclass(frozen=True)
class User:
    """A user of an agent."""

    name: str
    auth: str = "sha256"
    auth_password: str = "correct horse"
    privacy: str = "aes128"
    """Empty: none."""
    privacy_password: str = "battery staple"


@lru_cache(maxsize=200)
def localised(hash_name: str, password: str, engine_id: bytes) -> bytes:
    """Key of a password at one engine (RFC 3414 A.2)."""
    raw = password.encode()
    whole = (raw * (1_048_576 // len(raw) + 1))[:1_048_576]
    key = hashlib.new(hash_name, whole).digest()
    return hashlib.new(hash_name, key + engine_id + key).digest()


def digest(user: User, engine_id: bytes, message: bytes) -> bytes:
    """What authenticates a whole message whose digest is zeros."""
    key = localised(user.auth, user.auth_password, engine_id)
    return hmac.new(key, message, user.auth).digest()[: DIGEST_BYTES[user.auth]]


def crypt(
    user: User, engine_id: bytes, boots: int, time: int, salt: bytes, data: bytes, *, encrypt: bool
) -> bytes:
    """AES in CFB, either way."""
    key = localised(user.auth, user.privacy_password, engine_id)[: KEY_BYTES[user.privacy]]
    vector = boots.to_bytes(4, "big") + time.to_bytes(4, "big") + salt
    cipher = Cipher(AES(key), CFB(vector))
    worker = cipher.encryptor() if encrypt else cipher.decryptor()
    return worker.update(data) + worker.finalize()
