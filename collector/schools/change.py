"""Changes of schools and of the survey baseline, each with its record in the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.operators.audit import Detail, audit
from collector.schools.model import BaselineEntry, School
from collector.store import rows_schools
from collector.store.interface import Store
from collector.store.sql import Sql

MAX_NAMED: Final = 50
"""Codes that a record names; its counts are complete."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import of schools did, by code."""

    added: Sequence[str]
    updated: Sequence[str]
    unchanged_count: int
    absent: Sequence[str]
    """Schools that are not in the file; they stay as they are."""


def import_schools(store: Store, actor: str, schools: Sequence[School], now: datetime) -> Imported:
    """Add or update schools, in one transaction with its record."""

    def work(sql: Sql) -> Imported:
        before = {school.code: school for school in rows_schools.all_schools(sql)}
        rows_schools.import_schools(sql, schools)
        added = [school.code for school in schools if school.code not in before]
        updated = [school.code for school in schools if before.get(school.code, school) != school]
        done = Imported(
            added,
            updated,
            len(schools) - len(added) - len(updated),
            sorted(before.keys() - {school.code for school in schools}),
        )
        detail: Detail = {
            "added": len(added),
            "updated": len(updated),
            "unchanged": done.unchanged_count,
            "codes": [*added, *updated][:MAX_NAMED],
        }
        audit(sql, actor, "school.import", "schools", detail, now)
        return done

    return store.write(work)


def import_baseline(
    store: Store, actor: str, entries: Sequence[BaselineEntry], now: datetime
) -> None:
    """Replace the survey baseline, in one transaction with its record."""

    def work(sql: Sql) -> None:
        rows_schools.import_baseline(sql, entries)
        detail = {"entries": len(entries), "met": sum(entry.met for entry in entries)}
        audit(sql, actor, "school.baseline", "baseline", detail, now)

    store.write(work)
