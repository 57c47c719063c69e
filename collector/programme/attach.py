"""Attaching files to a school: checked, cleaned, bounded, audited."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final
from uuid import UUID

from collector.operators.audit import audit
from collector.programme import attachment_rows, texts
from collector.programme.attachment_rows import Attachment
from collector.programme.pictures import NotAllowed, cleaned
from collector.store import rows_schools
from collector.store.interface import Store
from collector.store.sql import Sql

MAX_BYTES: Final = 10_000_000
MAX_FILES: Final = 40
"""Of one school."""


class AttachmentRefused(Exception):
    """A file that was not kept; the text says what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A file as it was sent."""

    school_code: str
    item: str
    file_name: str
    content: bytes
    note: str


def attach(store: Store, given: Given, actor: str, now: datetime, chance: Random) -> Attachment:
    """Keep a file. Raises :class:`AttachmentRefused`; then nothing was kept."""
    size = len(given.content)
    if not 1 <= size <= MAX_BYTES:
        raise AttachmentRefused(f"file: found {size} bytes, allowed is 1 to {MAX_BYTES}")
    try:
        kind, kept = cleaned(given.content)
        note = texts.note(given.note, 500)
    except (NotAllowed, ValueError) as error:
        raise AttachmentRefused(f"file: {error}") from None
    one = Attachment(
        attachment_id=str(UUID(int=chance.getrandbits(128), version=4)),
        school_code=given.school_code,
        item=given.item[:60],
        file_name=file_name(given.file_name, kind.suffix),
        media_type=kind,
        size_bytes=len(kept),
        sha256=hashlib.sha256(kept).hexdigest(),
        note=note,
        added_at=now,
        added_by=actor,
    )

    def work(sql: Sql) -> Attachment:
        sql.lock(f"attachment {given.school_code}")
        if rows_schools.school(sql, given.school_code) is None:
            raise AttachmentRefused(f"there is no school {given.school_code!r}")
        there = attachment_rows.attachments(sql, given.school_code)
        if len(there) >= MAX_FILES:
            raise AttachmentRefused(f"found {len(there)} files already, allowed are {MAX_FILES}")
        same = next((old for old in there if old.sha256 == one.sha256), None)
        if same is not None:  # sent twice by an impatient finger
            return same
        attachment_rows.add(sql, one, kept)
        detail = {
            "id": one.attachment_id,
            "file": one.file_name,
            "type": kind.value,
            "bytes": one.size_bytes,
            "sha256": one.sha256,
        }
        audit(sql, actor, "attachment.add", given.school_code, detail, now)
        return one

    return store.write(work)


def take_away(
    store: Store, school_code: str, attachment_id: str, actor: str, now: datetime
) -> bool:
    """Delete a file; False where there is none."""

    def work(sql: Sql) -> bool:
        found = attachment_rows.content(sql, school_code, attachment_id)
        if found is None:
            return False
        attachment_rows.remove(sql, school_code, attachment_id)
        detail = {"id": attachment_id, "file": found[0].file_name, "sha256": found[0].sha256}
        audit(sql, actor, "attachment.remove", school_code, detail, now)
        return True

    return store.write(work)


def file_name(sent: str, suffix: str) -> str:
    """Give a name without path or marks that steer writing, ending as the content does."""
    base = sent.replace("\\", "/").rpartition("/")[2]
    stem = base.rpartition(".")[0] or base
    stem = "".join(char for char in stem if char.isprintable() and char not in '"*:<>?|;')
    return f"{stem.strip(' .')[:80] or 'file'}{suffix}"
