"""docs/wire.md keeps up with the code: every word of the tables stands in it."""

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from agent.probes import REGISTRY
from agent.spool import SPOOL_PROBE
from wire.codec import MAX_RECORD_BYTES, decode, encode
from wire.failure import MAX_TEXT_CHARACTERS, FailureCode, Operation, Outcome
from wire.measurement import Measurement
from wire.messages import MAX_ACKNOWLEDGEMENT_BYTES, MAX_BATCH_BYTES, MAX_BODY_BYTES
from wire.messages import MAX_BATCH_RECORDS as MAX_RECORDS
from wire.units import UNITS, unit_of
from wire.version import SCHEMA_VERSION

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "wire.md").read_text(encoding="utf-8")
READS = re.compile(r"""\b(?:_[a-z]+\((values|context), |(values|context)\.get\()"([a-z_]+)"\)""")
"""How the collector's modules read a key of a record by name."""
SECTIONS = {part.partition("\n")[0]: part for part in TEXT.split("\n## ")}


def rows(section: str) -> list[str]:
    """First cells of the table rows of a section that are code."""
    return re.findall(r"^\| `([a-z_0-9]+)` \|", SECTIONS[section], re.MULTILINE)


def test_every_field_has_its_row_in_order() -> None:
    """The table of fields is the record, field by field (``extra`` is the unknown ones)."""
    known = {field.name for field in fields(Measurement)} - {"extra"}
    assert sorted(rows("One Measurement")) == sorted(known)


def test_every_failure_code_has_its_row() -> None:
    """A code that is not explained helps nobody: all are listed, in the order of the code."""
    assert rows("Failures") == [code.value for code in FailureCode]


def test_every_unit_has_its_row() -> None:
    """Suffixes in the order in which they are looked for."""
    assert rows("Fields and their units") == [unit.suffix for unit in UNITS]


def test_every_probe_has_its_row() -> None:
    """Whatever the agent can measure is explained; so is its account of what was lost."""
    assert set(REGISTRY) - set(rows("Probes")) == set()
    assert f"`{SPOOL_PROBE}`" in SECTIONS["Probes"]


def test_the_keys_that_the_collector_reads_are_those_of_the_table() -> None:
    """No key decides anything without its row, and no row stands for what nobody reads."""
    sources = [
        path.read_text(encoding="utf-8")
        for path in (ROOT / "collector").rglob("*.py")
        if "demo" not in path.parts
    ]
    read = {(one or two, key) for text in sources for one, two, key in READS.findall(text)}
    assert ("values", "rtt_median_seconds") in read
    section = SECTIONS["What the collector reads"]
    table = re.findall(r"^\| `([a-z_]+)` \| `([a-z]+)` \| ([a-z0-9, ]+) \|", section, re.MULTILINE)
    assert {(where, key) for key, where, _ in table} == read
    for key, _, unit in table:
        expected = unit_of(key)
        assert unit == ("text" if expected is None else expected.meaning.partition(" (")[0])


@pytest.mark.parametrize("word", [*Operation, *Outcome])
def test_every_operation_and_outcome_is_named(word: str) -> None:
    """The closed vocabularies stand in the document."""
    assert f"`{word}`" in TEXT


def test_what_readers_accept_stands_beside_what_writers_write(
    written: Callable[..., bytes],
) -> None:
    """Any UUID and ``simulated`` false are read; v7 and only true are written."""
    read = decode(written(result_id="9a8b7c6d-0000-4000-8000-000000000001", simulated=False))
    assert b"simulated" not in encode(read)
    assert "readers take a UUID of any version" in TEXT
    assert "Written only where true; absent means false" in TEXT


@pytest.mark.parametrize(
    "claim",
    [
        f"{MAX_RECORD_BYTES:,}\nbytes",
        f"{MAX_TEXT_CHARACTERS} characters",
        f"{MAX_RECORDS:,} records",
        f"{MAX_BODY_BYTES >> 20} MiB as sent",
        f"{MAX_BATCH_BYTES >> 20} MiB of JSON",
        f"more than {MAX_ACKNOWLEDGEMENT_BYTES >> 20} MiB is none",
        f"current format is {SCHEMA_VERSION}.",
    ],
)
def test_limits_in_the_document_are_those_of_the_code(claim: str) -> None:
    """A limit that was changed in the code and not here is found."""
    assert claim in TEXT
