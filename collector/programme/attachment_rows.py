"""Photographs and documents of an assessment, in portable SQL."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from collector.programme.pictures import MediaType
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

_ABOUT: Final = (
    "attachment_id, school_code, item, file_name, media_type, size_bytes, sha256, note, "
    "added_at, added_by"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """What is known of one file, without its content."""

    attachment_id: str
    school_code: str
    item: str
    """Section of the checklist that it belongs to; empty: the school as a whole."""
    file_name: str
    media_type: MediaType
    size_bytes: int
    sha256: str
    """Of the bytes that are kept."""
    note: str
    added_at: datetime
    added_by: str


def attachments(sql: Sql, school_code: str) -> list[Attachment]:
    """Give the files of a school, oldest first."""
    rows = sql.execute(
        f"SELECT {_ABOUT} FROM attachment WHERE school_code = ? "  # noqa: S608 - constants
        "ORDER BY added_at, attachment_id",
        (school_code,),
    )
    return [_attachment(row) for row in rows]


def content(sql: Sql, school_code: str, attachment_id: str) -> tuple[Attachment, bytes] | None:
    """Give a file of a school; None where it has none of this id."""
    row = sql.execute(
        f"SELECT {_ABOUT}, content FROM attachment WHERE school_code = ? AND attachment_id = ?",  # noqa: S608 - constants
        (school_code, attachment_id),
    ).fetchone()
    return None if row is None else (_attachment(row), bytes(row[10]))


def add(sql: Sql, one: Attachment, kept: bytes) -> None:
    """Keep a file."""
    sql.execute(
        f"INSERT INTO attachment ({_ABOUT}, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
        (
            one.attachment_id,
            one.school_code,
            one.item,
            one.file_name,
            one.media_type.value,
            one.size_bytes,
            one.sha256,
            one.note,
            to_micros(one.added_at),
            one.added_by,
            kept,
        ),
    )


def remove(sql: Sql, school_code: str, attachment_id: str) -> bool:
    """Delete a file; False where there is none."""
    done = sql.execute(
        "DELETE FROM attachment WHERE school_code = ? AND attachment_id = ?",
        (school_code, attachment_id),
    )
    return done.rowcount > 0


def _attachment(row: Any) -> Attachment:  # noqa: ANN401 - a row as it was asked for
    return Attachment(
        attachment_id=row[0],
        school_code=row[1],
        item=row[2],
        file_name=row[3],
        media_type=MediaType(row[4]),
        size_bytes=row[5],
        sha256=row[6],
        note=row[7],
        added_at=from_micros(row[8]),
        added_by=row[9],
    )
