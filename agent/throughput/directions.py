"""Which way data flow in a test that loads a path, seen from here."""

from collections.abc import Sequence
from typing import Final, Literal

from wire.options import Option, Scalar

Test = Literal["download", "upload"]
DIRECTION: Final = Option(
    type=str,
    default="both",
    choices=("download", "upload", "both"),
    help="which way the data flow, seen from here",
)
"""The option ``direction`` of every probe that loads a path."""


def tests_of(direction: Scalar) -> Sequence[Test]:
    """Give the tests that a value of :data:`DIRECTION` asks for, in their order."""
    tests: tuple[Test, ...] = ("download", "upload")
    return [test for test in tests if direction in (test, "both")]
