"""The tables that ``make stack`` prints. Pure."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from deploy.loopback.places import NOWHERE, Places

ADDRESSES: Final = (
    ("proxy", "https", "pages, over TLS, signed in (certificate of its own: the browser warns)"),
    (
        "collector",
        "collector",
        "pages and API, plain; read without signing in until there is an account",
    ),
    ("prometheus", "prometheus", "time series, targets, alerts"),
    ("alertmanager", "alertmanager", f"notices (mail and webhook lead to {NOWHERE}: nowhere)"),
)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their longest cell; the first row is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def addresses(places: Places) -> list[str]:
    """What to open."""
    rows = [("service", "address", "what")]
    for service, port, what in ADDRESSES:
        url = places.site if port == "https" else f"http://{places.at(port)}"
        rows.append((service, url, what))
    rows.append(("postgres", places.at("postgres"), "database hakaru, roles hakaru and grafana"))
    rows.append(("responder", places.at("responder"), "far end of throughput tests, with token"))
    return table(rows)


def account(program: str, given: Mapping[str, str]) -> str:
    """How somebody makes an account, as one line to copy; it asks for a password."""
    variables = " ".join(f"{name}={shlex.quote(value)}" for name, value in given.items())
    command = f"{shlex.quote(program)} operator add you@board.example --role administrator"
    return f"to sign in, make an account: {variables} {command}"
