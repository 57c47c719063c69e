"""One write over HTTP: snappy, protobuf, bearer token. No redirect is followed."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import cramjam
import httpx

from collector import __version__
from collector.clock import Clock, SystemClock
from collector.export.protobuf import write_request
from collector.export.series import Sample, by_series

TIMEOUT_SECONDS: Final = 30.0
MAX_SAID_BYTES: Final = 4096
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class TargetRefused(ValueError):
    """A store cannot be written to as asked; the text says what to give."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where samples are written to."""

    url: str
    token: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    """Certificates to trust instead of the public ones (PEM)."""

    @property
    def name(self) -> str:
        """How the store is called in the database, in logs and in metrics: nothing secret."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; status 0: nothing did, and ``said`` is why."""

    status: int
    said: str
    retry_after: str | None = None


def target_of(url: str, token_file: Path | None = None, ca_file: Path | None = None) -> Target:
    """Check what an operator gave. Raises :class:`TargetRefused`."""
    example = "such as https://prometheus.example:9090/api/v1/write"
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        raise TargetRefused(f"found {url!r}, allowed is a URL {example}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        raise TargetRefused(f"found {url!r}, allowed is an http or https URL {example}")
    if parts.username is not None or parts.password is not None:
        raise TargetRefused(
            "a password does not belong in a URL: give the token with --remote-write-token FILE"
        )
    token = None if token_file is None else _token_in(token_file)
    if token is not None and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise TargetRefused(f"{parts.hostname}: a token travels over https only: use https")
    if ca_file is not None and not ca_file.is_file():
        raise TargetRefused(f"{ca_file}: no such file: name a PEM file")
    return Target(url, token, ca_file)


def _token_in(path: Path) -> str:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TargetRefused(f"{path}: cannot be read ({error}): name the token's file") from None
    if not token or not token.isascii() or not token.isprintable():
        raise TargetRefused(f"{path}: holds no token: one line of printable characters")
    return token


class Connection:
    """Writes to one store. Close it."""

    def __init__(self, target: Target, clock: Clock | None = None) -> None:
        self._target = target
        self._clock = clock or SystemClock()
        self._client = httpx.Client(
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            follow_redirects=False,
            verify=True
            if target.ca_file is None
            else ssl.create_default_context(cafile=target.ca_file),
        )

    def write(self, samples: list[Sample]) -> Reply:
        """Write samples in one request."""
        headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
            "User-Agent": f"hakaru-collector/{__version__}",
        }
        if self._target.token is not None:
            headers["Authorization"] = f"Bearer {self._target.token}"
        body = bytes(cramjam.snappy.compress_raw(write_request(by_series(samples))))
        try:
            with self._client.stream(
                "POST", self._target.url, content=body, headers=headers
            ) as reply:
                said = bytearray()
                until = self._clock.monotonic_seconds() + TIMEOUT_SECONDS
                for chunk in reply.iter_bytes():  # as it comes: the client bounds each silence
                    said += chunk
                    if len(said) >= MAX_SAID_BYTES or self._clock.monotonic_seconds() >= until:
                        break
                return Reply(
                    reply.status_code,
                    bytes(said[:MAX_SAID_BYTES]).decode("utf-8", "replace"),
                    reply.headers.get("retry-after"),
                )
        except (httpx.HTTPError, OSError) as error:
            return Reply(0, f"{type(error).__name__}: {error}"[:200])

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
