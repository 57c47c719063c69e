"""The body of a request: bounded as sent, bounded after decompression, bounded in time."""

import asyncio
import zlib
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request

from collector.api.refusal import Refusal

_inflate: Any = zlib
try:  # the same interface at a third of the processor time; not built for every processor
    from isal import isal_zlib
except ImportError:
    pass
else:
    _inflate = isal_zlib

BODY_SECONDS: Final = 60.0
"""A body that takes longer is cut off: 2 MiB in a minute is 280 kbit/s."""
_GZIP: Final = 16 + zlib.MAX_WBITS
_CLOSE: Final = {"Connection": "close"}


def declared_bytes(request: Request, max_bytes: int) -> int:
    """How much memory a body may take: what its sender says, at most ``max_bytes``."""
    declared = request.headers.get("content-length", "")
    plain = declared.isdecimal() and len(declared) < 20
    return min(int(declared), max_bytes) if plain else max_bytes


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Read the body as sent. Raises :class:`Refusal` (400, 408, 413)."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and len(declared) < 20 and int(declared) > max_bytes:
        raise too_large(f"{declared} bytes", max_bytes)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > max_bytes:
                    raise too_large("more", max_bytes)
                chunks.append(chunk)
    except TimeoutError:
        detail = f"the body did not arrive within {BODY_SECONDS:g} seconds: send smaller batches"
        raise Refusal(408, "slow_body", detail, _CLOSE) from None
    except ClientDisconnect:
        raise Refusal(400, "body_cut_off", "the body ended early", _CLOSE) from None
    return b"".join(chunks)


def decompress(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Undo the Content-Encoding, never making more than the limit. Raises :class:`Refusal`."""
    match encoding.strip().lower():
        case "" | "identity":
            if len(body) > max_bytes:
                raise too_large(f"{len(body)} bytes", max_bytes)
            return body
        case "gzip":
            return _gunzip(body, max_bytes)
    detail = "Content-Encoding is not understood: use gzip, or none"
    raise Refusal(415, "encoding", detail, {"Accept-Encoding": "gzip"})


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    stream: Any = _inflate.decompressobj(_GZIP)
    try:
        text: bytes = stream.decompress(body, max_bytes + 1)
    except _inflate.error as error:
        raise Refusal(400, "not_gzip", f"the body is not gzip ({error})") from None
    if len(text) > max_bytes:
        raise too_large("more after decompression", max_bytes)
    if not stream.eof:
        raise Refusal(400, "not_gzip", "the gzip body is cut off: send it again")
    if stream.unused_data:
        raise Refusal(400, "not_gzip", "something follows the gzip body: send one gzip member")
    return text


def too_large(found: str, max_bytes: int) -> Refusal:
    """Give the refusal of a body; the connection is closed, so that the rest is not sent."""
    detail = f"the body is too large: found {found}, at most {max_bytes} bytes: split the batch"
    return Refusal(413, "too_large", detail, _CLOSE)
