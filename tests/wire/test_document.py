"""docs/wire.md keeps up with the code: every word of the tables stands in it."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from wire.codec import MAX_RECORD_BYTES
from wire.failure import MAX_TEXT_CHARACTERS, FailureCode, Operation, Outcome
from wire.measurement import Measurement
from wire.messages import MAX_ACKNOWLEDGEMENT_BYTES, MAX_BATCH_BYTES, MAX_BODY_BYTES
from wire.messages import MAX_BATCH_RECORDS as MAX_RECORDS
from wire.units import UNITS
from wire.version import SCHEMA_VERSION

TEXT = (Path(__file__).parents[2] / "docs" / "wire.md").read_text(encoding="utf-8")
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


@pytest.mark.parametrize("word", [*Operation, *Outcome])
def test_every_operation_and_outcome_is_named(word: str) -> None:
    """The closed vocabularies stand in the document."""
    assert f"`{word}`" in TEXT


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
