"""Filter for the kernel (classic BPF): of all packets that arrive, the answers to one trace. Pure.

Without it every packet of a busy line would be copied to the listener and ours lost in the flood.
The packet socket is a 'cooked' one, so offset 0 is the IP header. The filter is written here,
since the compiler that others use is libpcap, which a small box does not have.
"""

import ipaddress
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.path.flows import FIRST_SOURCE_PORT, MOST_FLOWS

INSTRUCTION: Final = struct.Struct("=HBBI")
LOAD_WORD: Final = 0x20
LOAD_HALF: Final = 0x28
LOAD_BYTE: Final = 0x30
LOAD_WORD_X: Final = 0x40
LOAD_HALF_X: Final = 0x48
LOAD_BYTE_X: Final = 0x50
HEADER_LENGTH_TO_X: Final = 0xB1
JUMP_EQUAL: Final = 0x15
JUMP_GREATER: Final = 0x25
JUMP_AT_LEAST: Final = 0x35
JUMP_ANY_BIT: Final = 0x45
RETURN: Final = 0x06
_ALL: Final = 0xFFFF_FFFF
_ICMP, _TCP, _UDP, _ICMP6 = 1, 6, 17, 58


class Step(NamedTuple):
    """One instruction; jumps name a label, ``""`` is the next instruction."""

    code: int
    value: int = 0
    yes: str = ""
    no: str = ""
    label: str = ""


def program(destination: str) -> bytes:
    """Assemble the filter for one destination, IPv4 or IPv6."""
    address = ipaddress.ip_address(destination)
    words = struct.unpack(f"!{len(address.packed) // 4}I", address.packed)
    return assemble(_ipv4(words[0]) if address.version == 4 else _ipv6(words))


def _ipv4(destination: int) -> list[Step]:
    return [
        Step(LOAD_HALF, 6),
        Step(JUMP_ANY_BIT, 0x1FFF, yes="drop"),  # a later fragment has no header to look at
        Step(HEADER_LENGTH_TO_X, 0),
        Step(LOAD_BYTE, 9),
        Step(JUMP_EQUAL, _ICMP, yes="icmp"),
        Step(JUMP_EQUAL, _TCP, yes="answer"),
        Step(JUMP_EQUAL, _UDP, yes="answer", no="drop"),
        Step(LOAD_WORD, 12, label="answer"),
        Step(JUMP_EQUAL, destination, no="drop"),
        Step(LOAD_HALF_X, 2),
        *_ours(),
        Step(LOAD_BYTE_X, 0, label="icmp"),
        Step(JUMP_EQUAL, 0, yes="echo"),
        Step(JUMP_EQUAL, 3, yes="error"),
        Step(JUMP_EQUAL, 11, yes="error", no="drop"),
        Step(LOAD_WORD, 12, label="echo"),
        Step(JUMP_EQUAL, destination, yes="keep", no="drop"),
        Step(LOAD_WORD_X, 8 + 16, label="error"),  # where the quoted packet was to go
        Step(JUMP_EQUAL, destination, no="drop"),
        *_end(),
    ]


def _ipv6(destination: Sequence[int]) -> list[Step]:
    return [
        Step(LOAD_BYTE, 6),
        Step(JUMP_EQUAL, _ICMP6, yes="icmp"),
        Step(JUMP_EQUAL, _TCP, yes="answer"),
        Step(JUMP_EQUAL, _UDP, yes="answer", no="drop"),
        *_address(8, destination, "answer"),
        Step(LOAD_HALF, 42),
        *_ours(),
        Step(LOAD_BYTE, 40, label="icmp"),
        Step(JUMP_EQUAL, 129, yes="echo"),
        Step(JUMP_EQUAL, 0, yes="drop"),
        Step(JUMP_GREATER, 3, yes="drop"),
        *_address(48 + 24, destination, ""),
        Step(RETURN, _ALL),
        *_address(8, destination, "echo"),
        *_end(),
    ]


def _address(offset: int, words: Sequence[int], label: str) -> list[Step]:
    steps = []
    for index, word in enumerate(words):
        steps.append(Step(LOAD_WORD, offset + 4 * index, label="" if index else label))
        steps.append(Step(JUMP_EQUAL, word, no="drop"))
    return steps


def _ours() -> list[Step]:
    """Keep what goes to a port of one of our flows."""
    return [
        Step(JUMP_AT_LEAST, FIRST_SOURCE_PORT, no="drop"),
        Step(JUMP_AT_LEAST, FIRST_SOURCE_PORT + MOST_FLOWS, yes="drop", no="keep"),
    ]


def _end() -> list[Step]:
    return [Step(RETURN, _ALL, label="keep"), Step(RETURN, 0, label="drop")]


def assemble(steps: Sequence[Step]) -> bytes:
    """Make bytes of steps: distances of labels, which must lie ahead."""
    places = {step.label: index for index, step in enumerate(steps) if step.label}

    def distance(index: int, label: str) -> int:
        return places[label] - index - 1 if label else 0

    return b"".join(
        INSTRUCTION.pack(step.code, distance(i, step.yes), distance(i, step.no), step.value)
        for i, step in enumerate(steps)
    )
