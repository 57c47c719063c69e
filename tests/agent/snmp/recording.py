"""Recordings of real devices (.snmprec): OID|type|value a line, sorted at reading."""

import bz2
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.agent.snmp import ber
from tests.agent.snmp.ber import Oid

LONGEST_STRING = 65_000


@dataclass
class Recording:
    """What a device says: values in BER by OID, in order."""

    oids: list[Oid]
    values: dict[Oid, bytes]

    def get(self, oid: Oid) -> bytes | None:
        """The value of exactly this."""
        return self.values.get(oid)

    def after(self, oid: Oid) -> tuple[Oid, bytes] | None:
        """The next in order; None: the end."""
        place = bisect_right(self.oids, oid)
        if place == len(self.oids):
            return None
        return self.oids[place], self.values[self.oids[place]]

    def set(self, oid: Oid, value: bytes) -> None:
        """Change or add one."""
        if oid not in self.values:
            self.oids.insert(bisect_right(self.oids, oid), oid)
        self.values[oid] = value


def of(values: dict[str, bytes]) -> Recording:
    """Make a recording of dotted OIDs and BER."""
    whole = {parse_oid(text): value for text, value in values.items()}
    return Recording(sorted(whole), whole)


def parse_oid(text: str) -> Oid:
    """Numbers of a dotted OID."""
    return tuple(int(part) for part in text.strip(".").split("."))


def load(path: Path) -> Recording:
    """Read a file, plain or .bz2. Lines that no agent could serve are left out."""
    raw = bz2.decompress(path.read_bytes()) if path.suffix == ".bz2" else path.read_bytes()
    return parse(raw.decode("utf-8", "surrogateescape").splitlines())


def parse(lines: Iterable[str]) -> Recording:
    """Read lines."""
    values: dict[Oid, bytes] = {}
    for line in lines:
        parts = line.rstrip("\r\n").split("|", 2)
        if len(parts) != 3 or not parts[0].strip(".")[:1].isdigit():
            continue
        try:
            value = _value(parts[1].partition(":")[0], parts[2])
            if value is not None:
                values[parse_oid(parts[0])] = value
        except ValueError:
            continue
    return Recording(sorted(values), values)


def _value(tag: str, text: str) -> bytes | None:
    kind, form = tag.rstrip("xe"), tag[-1:]
    if not kind.isdigit():
        return None
    number = int(kind)
    if number in {ber.STRING, 68}:
        body = bytes.fromhex(text) if form == "x" else text.encode("utf-8", "surrogateescape")
        return ber.tlv(ber.STRING if number == ber.STRING else ber.OPAQUE, body[:LONGEST_STRING])
    if number == ber.NULL:
        return ber.tlv(ber.NULL, b"")
    if number == ber.OID:
        return ber.oid(parse_oid(text))
    if number == 64:
        if form == "x":
            return ber.tlv(ber.ADDRESS, bytes.fromhex(text))
        return ber.tlv(ber.ADDRESS, bytes(int(part) for part in text.split(".")))
    if number == ber.INTEGER:
        return ber.integer(int(text))
    if number in (65, 66, 67):
        return ber.integer(int(text) & 0xFFFFFFFF, number)
    if number == 70:
        return ber.integer(int(text) & 0xFFFFFFFFFFFFFFFF, 70)
    return None
