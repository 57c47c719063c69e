"""The JSON text of a batch into the raw texts of its records.

A record that is no JSON at all (NaN, a bad escape, 100,000 brackets) must spoil nothing else,
so where the text as a whole does not parse, it is cut at the commas between the records.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import msgspec

from collector.api.refusal import Refusal
from wire.messages import MAX_BATCH_RECORDS

_EMPTY: Final = len(b'{"measurements":[]}')
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[\[\]{},:]', re.DOTALL)
_PUNCTUATION: Final = re.compile(rb"[\[\]{},:]")
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
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
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
    borders: list[int] | None = None
    inside = False
    string = key = b""
    for depth, mark, at in _marks(text):
        if mark[:1] == b'"':
            string = mark
        elif mark == b":" and depth == 1:
            key = string
        elif mark == b"[" and depth == 1 and key == b'"measurements"':
            if borders is not None:
                raise _NoBatch("measurements stands twice")
            borders, inside = [at], True
        elif inside and depth == 2 and mark in b",]}" and borders is not None:
            borders.append(at)
            inside = mark == b","
    if borders is None:
        raise _NoBatch("measurements is missing")
    records = [text[left + 1 : right].strip() for left, right in pairwise(borders)]
    return [] if records == [b""] else records


def _marks(text: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Strings and punctuation of one JSON object: depth before it, text, place."""
    depth = 0
    for token in _tokens(text):
        yield depth, token[0], token.start()
        if token[0] in b"[{":
            depth += 1
        elif token[0] in b"]}":
            depth -= 1
            if depth == 0 and text[token.end() :].strip():
                raise _NoBatch("something follows it")
    if depth != 0 or not text.lstrip().startswith(b"{"):
        raise _NoBatch("its brackets do not match")


def _tokens(text: bytes) -> Iterator[re.Match[bytes]]:
    """Strings and punctuation. A string without end is none, and so is each that begins in it.

    So what is left is looked at once more for punctuation alone: to try each quote of it anew, up
    to the end, would take days for a text of quotes.
    """
    for token in _TOKEN.finditer(text):
        if token[1] == b"":
            yield from _PUNCTUATION.finditer(text, token.start())
            return
        yield token


def _line(error: Exception) -> str:
    return "too deeply nested" if isinstance(error, RecursionError) else str(error)
