"""What a responder makes of a slot token, without calling home.

Order: kind and length, key, signature, claims, audience, purpose, time, use. Nothing that a token
says is looked at before its signature was checked. The first flow of a token opens its use, which
is written down first; the other flows of the same test come in on the same use, as many of each
kind as the token says and no more. All of them draw on one quota of bytes and one of seconds.
"""

import logging
import re
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agent.clock import Clock
from agent.responder.uses import CannotNote, UsedTokens
from wire.parsing import Refused
from wire.slot_token import (
    CLOCK_TOLERANCE_SECONDS,
    SlotToken,
    open_envelope,
    read_claims,
    read_keys,
)

log = logging.getLogger(__name__)

_BEARER: Final = re.compile(r"[Bb]earer +([A-Za-z0-9._-]+)")
MAX_KEY_FILE_BYTES: Final = 64 * 1024
_TOLERANCE: Final = timedelta(seconds=CLOCK_TOLERANCE_SECONDS)


class NotAdmitted(Exception):
    """A refusal: HTTP status, and a reason of one line of ASCII without anything secret."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = "".join(char if " " <= char <= "~" else "?" for char in reason)[:200]
        super().__init__(self.reason)


class Use:
    """What is left of one token: flows of each kind, bytes, seconds. Shared by its flows."""

    def __init__(self, token: SlotToken, now_seconds: float) -> None:
        self.token = token
        self.ends_at = now_seconds + token.quota_seconds
        """Monotonic seconds at which its last flow is ended."""
        self._lock = threading.Lock()
        self._flows = dict.fromkeys(token.kinds, token.flows)
        self._left_bytes = token.quota_bytes

    def join(self, kind: str, now_seconds: float) -> None:
        """Take one more flow of this kind in. Raises :class:`NotAdmitted`."""
        with self._lock:
            if now_seconds >= self.ends_at:
                raise NotAdmitted(403, "token used up: its seconds are over")
            if kind not in self._flows:
                raise NotAdmitted(403, f"token is not for {kind}")
            if self._flows[kind] == 0:
                reason = f"token used already: its {self.token.flows} {kind} flows have begun"
                raise NotAdmitted(403, reason)
            if self._left_bytes == 0:
                raise NotAdmitted(403, "token used up: its bytes are gone")
            self._flows[kind] -= 1

    def take(self, most_bytes: int) -> int:
        """Draw up to ``most_bytes`` from the quota; gives how many, 0 where none are left."""
        with self._lock:
            taken = min(most_bytes, self._left_bytes)
            self._left_bytes -= taken
            return taken

    def give_back(self, unused_bytes: int) -> None:
        """Return what was drawn and not used."""
        with self._lock:
            self._left_bytes += unused_bytes

    @property
    def used_bytes(self) -> int:
        """Drawn so far."""
        return self.token.quota_bytes - self._left_bytes


class Tokens:
    """Checks tokens with the collector's public keys, read anew when their file changes."""

    def __init__(self, key_file: Path, audience: str, used: UsedTokens, clock: Clock) -> None:
        self._key_file = key_file
        self._audience = audience
        self._used = used
        self._clock = clock
        self._lock = threading.Lock()
        self._uses: dict[str, Use] = {}
        self._stamp: tuple[int, int] | None = None
        self._keys: Mapping[str, bytes] = {}
        self._keys = self._read_keys()

    @property
    def key_ids(self) -> list[str]:
        """Names of the keys in force."""
        return sorted(self._keys)

    def admit(self, authorization: str, kind: str) -> Use:
        """Admit one flow of ``kind`` with what stands in its Authorization header.

        Raises :class:`NotAdmitted`; nothing of the token is used up then.
        """
        match = _BEARER.fullmatch(authorization)
        if match is None:
            raise NotAdmitted(401, "a slot token is wanted: Authorization: Bearer v4.public....")
        token = self._verified(match[1])
        now, now_seconds = self._clock.now(), self._clock.monotonic_seconds()
        if token.audience != self._audience:
            said = f"token is for the responder {token.audience}, this is {self._audience}"
            raise NotAdmitted(403, said)
        if kind not in token.kinds:
            raise NotAdmitted(403, f"token is not for {kind}")
        with self._lock:
            self._forget(now_seconds)
            use = self._uses.get(token.token_id)
            if use is None:
                _check_time(token, now)
                use = self._begin(token, now, now_seconds)
            use.join(kind, now_seconds)
        return use

    def _begin(self, token: SlotToken, now: datetime, now_seconds: float) -> Use:
        try:
            if not self._used.use(token.token_id, token.expires_at, now):
                raise NotAdmitted(403, "token used already: ask for another one")
        except CannotNote as error:
            log.warning("nobody is admitted: %s", error)
            raise NotAdmitted(503, "this responder cannot write down used tokens") from error
        use = self._uses[token.token_id] = Use(token, now_seconds)
        return use

    def _forget(self, now_seconds: float) -> None:
        """Uses whose seconds are over live on in the file only."""
        for token_id in [name for name, use in self._uses.items() if now_seconds >= use.ends_at]:
            del self._uses[token_id]

    def _verified(self, text: str) -> SlotToken:
        try:
            envelope = open_envelope(text)
            public = self._key(envelope.key_id)
            Ed25519PublicKey.from_public_bytes(public).verify(envelope.signature, envelope.signed)
            return read_claims(envelope.payload)
        except InvalidSignature:
            raise NotAdmitted(401, "token not believed: its signature is wrong") from None
        except Refused as error:
            raise NotAdmitted(401, f"token not understood: {error}") from None

    def _key(self, name: str) -> bytes:
        with self._lock:
            try:
                self._keys = self._read_keys()
            except (OSError, Refused) as error:
                log.warning("%s: %s; the former keys stay in force", self._key_file, error)
            if name not in self._keys:
                raise NotAdmitted(401, f"token not believed: key {name} is not known here")
            return self._keys[name]

    def _read_keys(self) -> Mapping[str, bytes]:
        """The keys of the file, read only where it has changed. Raises OSError, Refused."""
        state = self._key_file.stat()
        stamp = (state.st_mtime_ns, state.st_size)
        if stamp == self._stamp:
            return self._keys
        with self._key_file.open("rb") as file:
            raw = file.read(MAX_KEY_FILE_BYTES)
        keys = read_keys(raw.decode("utf-8", "replace"))
        self._stamp = stamp
        return keys


def _check_time(token: SlotToken, now: datetime) -> None:
    if now < token.not_before - _TOLERANCE:
        early = (token.not_before - now).total_seconds()
        raise NotAdmitted(403, f"token not valid yet: by this clock it begins in {early:.0f} s")
    if now >= token.expires_at + _TOLERANCE:
        late = (now - token.expires_at).total_seconds()
        raise NotAdmitted(403, f"token expired {late:.0f} s ago by this clock")
