"""A code with its collector as a QR code: on pages, as a picture, in a terminal."""

import io
from pathlib import Path

import segno

from wire.enrolment_code import to_scan


def svg(collector: str, code: str) -> str:
    """For a page: SVG without styles or scripts of its own, black on white in any theme."""
    made = _make(collector, code)
    return str(made.svg_inline(scale=5, dark="#000", light="#fff", omitsize=True))


def png(collector: str, code: str, path: Path) -> None:
    """Write a picture. Raises OSError."""
    _make(collector, code).save(str(path), kind="png", scale=8)


def terminal(collector: str, code: str) -> str:
    """For a terminal, in half blocks."""
    out = io.StringIO()
    _make(collector, code).terminal(out, compact=True)
    return out.getvalue()


def _make(collector: str, code: str) -> segno.QRCode:
    return segno.make(to_scan(collector, code), error="m", micro=False)
