"""What the fault tests found, as one table at the end of the run."""

import json
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

import pytest

from tests.collector.conftest import serve, serving, sqlite_url, store, url

__all__ = ["case", "serve", "serving", "sqlite_url", "store", "url"]

_HEAD: Final = ("case", "what", "runs", "lost", "duplicates", "other figures")
_PROPERTY: Final = "fault-case"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one test of a case found; ``lost`` and ``duplicates`` in results."""

    name: str
    what: str
    runs: int
    lost: int | None
    duplicates: int | None
    other: str


Case = Callable[..., None]


@pytest.fixture
def case(record_property: Callable[[str, object], None]) -> Case:
    """Note what was found, before or after the assertions on it; every test may do so often.

    ``case("C4", "the same batch to two collectors", runs=1000, lost=0, duplicates=0, other="")``.
    The letter and number are those of docs/reliability.md. ``lost`` and ``duplicates`` are None
    where the case is not about results.
    """

    def note(
        name: str,
        what: str,
        *,
        runs: int,
        lost: int | None = None,
        duplicates: int | None = None,
        other: str = "",
    ) -> None:
        found = Found(
            name=name, what=what, runs=runs, lost=lost, duplicates=duplicates, other=other
        )
        record_property(_PROPERTY, json.dumps(asdict(found)))

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table: what was noted, also by tests that failed."""
    rows: list[tuple[str, ...]] = []
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", []):
                if name == _PROPERTY and getattr(report, "when", "") == "call":
                    rows.append(_row(json.loads(str(value)), failed=outcome == "failed"))
    if not rows:
        return
    rows.sort(key=lambda row: (row[0][:1], int("".join(filter(str.isdigit, row[0])) or 0), row[1]))
    table = [_HEAD, *rows]
    widths = [max(_width(row[place]) for row in table) for place in range(len(_HEAD))]
    terminalreporter.section("faults: case, runs, lost, duplicates")
    for row in table:
        cells = (
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        )
        terminalreporter.write_line("  ".join(cells).rstrip())


def _row(found: dict[str, object], *, failed: bool) -> tuple[str, ...]:
    def number(key: str) -> str:
        return "-" if found[key] is None else str(found[key])

    other = str(found["other"]) + (" FAILED" if failed else "")
    return (
        str(found["name"]),
        str(found["what"]),
        number("runs"),
        number("lost"),
        number("duplicates"),
        other,
    )


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)
