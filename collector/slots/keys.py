"""The keys that slot tokens are signed with.

The private half is a file of this collector, ``KEYID.key`` in the directory of the slot keys, with
mode 0600; the database holds only public halves, of all collectors that share it. So nobody who
reads the database, or a back-up of it, can sign, and a database that is restored signs nothing.

Tokens are signed with the oldest key that is not retired and whose file is here. To change keys:
make a new one, give the public keys to the responders, then retire the old one. Where a file is
lost, a new key does.
"""

import base64
import binascii
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from collector.operators.audit import audit
from collector.store.interface import Store
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros
from wire.slot_token import MAX_KEYS, assemble, key_id, signing_input

_PREFIX: Final = "k4.secret."
_PRIVATE_MODE: Final = 0o600
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class KeyTrouble(Exception):
    """No key can be used; the text says why and what to do. Never holds a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A key as the database has it."""

    key_id: str
    public: bytes
    made_at: datetime
    retired_at: datetime | None


class SlotKeys:
    """The key files of one directory, and the public keys of one database."""

    def __init__(
        self, directory: Path, make: Callable[[], Ed25519PrivateKey] = Ed25519PrivateKey.generate
    ) -> None:
        self._directory = directory
        self._make = make
        self._private: dict[str, Ed25519PrivateKey] = {}

    @property
    def directory(self) -> Path:
        """Where the private keys are."""
        return self._directory

    def ensure(self, store: Store, actor: str, now: datetime) -> None:
        """Make the first key where none can sign. Raises :class:`KeyTrouble`."""
        if store.read(self._signing_id) is None:
            self.new(store, actor, now)

    def new(self, store: Store, actor: str, now: datetime) -> str:
        """Make a key, its file first; gives its id. Raises :class:`KeyTrouble`."""
        private = self._make()
        public = private.public_key().public_bytes_raw()
        name = key_id(public)
        if sum(one.retired_at is None for one in store.read(public_keys)) >= MAX_KEYS:
            raise KeyTrouble(f"there are {MAX_KEYS} keys in force: retire one first")
        self._write(name, private.private_bytes_raw() + public)

        def work(sql: Sql) -> None:
            sql.execute(
                "INSERT INTO slot_key (key_id, public_key, made_at) VALUES (?, ?, ?)",
                (name, public, to_micros(now)),
            )
            audit(sql, actor, "slot_key.new", name, {}, now)

        store.write(work)
        return name

    def has_file(self, name: str) -> bool:
        """Whether the private half of a key is here."""
        return self._path(name).is_file()

    def signer(self, sql: Sql) -> Callable[[bytes], str]:
        """What makes a token of a payload, with the key in force. Raises :class:`KeyTrouble`."""
        name = self._signing_id(sql)
        if name is None:
            raise KeyTrouble(
                f"no key in force has its file in {self._directory}: hakaru-collector slot key new"
            )
        private = self._private.get(name) or self._load(name)
        self._private[name] = private
        return lambda payload: assemble(payload, name, private.sign(signing_input(payload, name)))

    def _signing_id(self, sql: Sql) -> str | None:
        here = (one.key_id for one in public_keys(sql) if one.retired_at is None)
        return next((name for name in here if self.has_file(name)), None)

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.key"

    def _write(self, name: str, secret: bytes) -> None:
        text = _PREFIX + base64.urlsafe_b64encode(secret).decode().rstrip("=") + "\n"
        path = self._path(name)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_MODE)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise KeyTrouble(
                f"{path}: {error.strerror}: name another directory with --slot-keys"
            ) from error

    def _load(self, name: str) -> Ed25519PrivateKey:
        path = self._path(name)
        try:
            mode = path.stat().st_mode
            text = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise KeyTrouble(f"{path} cannot be read ({type(error).__name__})") from error
        if mode & _OTHERS:
            raise KeyTrouble(f"{path} may be read by others: chmod 600 it, or retire this key")
        try:
            raw = base64.urlsafe_b64decode(text.removeprefix(_PREFIX) + "==")
        except binascii.Error:
            raw = b""
        if not text.startswith(_PREFIX) or len(raw) != 64 or key_id(raw[32:]) != name:
            raise KeyTrouble(f"{path} holds no key, or another one: retire {name}, make a new one")
        private = Ed25519PrivateKey.from_private_bytes(raw[:32])
        if private.public_key().public_bytes_raw() != raw[32:]:
            raise KeyTrouble(f"{path} is damaged: retire {name} and make a new one")
        return private


def public_keys(sql: Sql) -> Sequence[PublicKey]:
    """All keys, the oldest first."""
    rows = sql.execute(
        "SELECT key_id, public_key, made_at, retired_at FROM slot_key ORDER BY made_at, key_id"
    )
    return [
        PublicKey(
            key_id=name,
            public=bytes(public),
            made_at=from_micros(made),
            retired_at=None if retired is None else from_micros(retired),
        )
        for name, public, made, retired in rows.fetchall()
    ]


def retire(sql: Sql, name: str, actor: str, now: datetime) -> bool:
    """Take a key out of force; False where there is no such key in force."""
    done = sql.execute(
        "UPDATE slot_key SET retired_at = ? WHERE key_id = ? AND retired_at IS NULL",
        (to_micros(now), name),
    )
    if done.rowcount:
        audit(sql, actor, "slot_key.retire", name, {}, now)
    return done.rowcount == 1
