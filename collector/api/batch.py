"""The JSON text of a batch into the raw texts of its records.

A record that is no JSON at all (NaN, a bad escape, 100,000 brackets) must spoil nothing else,
so where the text as a whole does not parse, it is cut at the commas between the records.
"""

import re
from typing import Final

import msgspec

from collector.api.refusal import Refusal
from wire.messages import MAX_BATCH_RECORDS

_EMPTY: Final = len(b'{"measurements":[]}')
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},:]', re.DOTALL)
_EXAMPLE: Final = 'send {"measurements": [RECORD, ...]}'


class _Batch(msgspec.Struct):
    measurements: list[msgspec.Raw]


_decode_batch: Final = msgspec.json.Decoder(_Batch).decode


class _NoBatch(Exception):
    """The text cannot even be cut into records."""


def split_batch(text: bytes) -> list[bytes]:
    """Give the records of a batch as they were sent. Raises :class:`Refusal` (400, 413)."""
    try:
        records = [bytes(raw) for raw in _decode_batch(text).measurements]
        if len(text) != _EMPTY + sum(map(len, records)) + max(0, len(records) - 1):
            records = _cut(text)  # not in the compact form: see that no key stands twice
    except msgspec.ValidationError as error:
        raise Refusal(400, "no_batch", f"the body is no batch ({error}): {_EXAMPLE}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        try:
            records = _cut(text)
        except _NoBatch:
            detail = f"the body is no batch ({_line(error)}): {_EXAMPLE}"
            raise Refusal(400, "no_batch", detail) from None
    except _NoBatch as error:
        raise Refusal(400, "no_batch", f"the body is no batch ({error}): {_EXAMPLE}") from None
    if len(records) > MAX_BATCH_RECORDS:
        detail = (
            f"measurements: found {len(records)} records, allowed are at most "
            f"{MAX_BATCH_RECORDS}: split the batch"
        )
        raise Refusal(413, "too_many", detail)
    return records


def _cut(text: bytes) -> list[bytes]:
    """Cut at the commas of the list, by strings and brackets alone."""
    records: list[bytes] | None = None
    depth, start = 0, -1
    string = key = b""
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark[:1] == b'"':
            string = mark
        elif mark == b":":
            key = string if depth == 1 else key
        elif mark in b"[{":
            depth += 1
            if depth == 2 and mark == b"[" and key == b'"measurements"':
                if records is not None:
                    raise _NoBatch("measurements stands twice")
                records, start = [], token.end()
        elif mark == b",":
            if depth == 2 and start >= 0 and records is not None:
                records.append(text[start : token.start()])
                start = token.end()
        else:
            if depth == 2 and start >= 0 and records is not None:
                if records or text[start : token.start()].strip():
                    records.append(text[start : token.start()])
                start = -1
            depth -= 1
    if depth != 0 or records is None or not text.strip().startswith(b"{"):
        raise _NoBatch("its brackets do not match")
    return [record.strip() for record in records]


def _line(error: Exception) -> str:
    return "too deeply nested" if isinstance(error, RecursionError) else str(error)
