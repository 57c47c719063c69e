"""Adopt a sample: kept with how it was judged, its schools marked, audited, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from collector.operators.audit import audit
from collector.programme import fact_rows
from collector.programme.sample import rows
from collector.programme.sample.judge import Judged, judge
from collector.programme.sample.propose import propose
from collector.programme.sample.rows import Origin
from collector.programme.sample.strata import Bands, SampleRefused
from collector.store import rows_schools
from collector.store.interface import Store
from collector.store.sql import Sql

MAX_NOTE_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A sample to adopt."""

    codes: Sequence[str]
    seed: int | None
    """Of a proposed one; None: picked by hand."""
    note: str
    expected: int
    """Revision in force when it was chosen; 0: none."""


def adopt(store: Store, bands: Bands, wanted: Wanted, actor: str, now: datetime) -> int:
    """Adopt; give the revision. Raises SampleRefused and EditedMeanwhile, then nothing is kept."""
    if len(wanted.note) > MAX_NOTE_CHARACTERS or not wanted.note.isprintable():
        raise SampleRefused(
            f"note: found {len(wanted.note)} characters, allowed is one line of at most "
            f"{MAX_NOTE_CHARACTERS}"
        )
    schools = store.schools()
    judged = judge(schools, wanted.codes, bands)
    codes = sorted(wanted.codes)
    origin = Origin.BY_HAND
    if wanted.seed is not None:
        drawn = [one.code for one in propose(schools, bands, len(codes), wanted.seed)]
        origin = Origin.PROPOSED if drawn == codes else Origin.BY_HAND

    def work(sql: Sql) -> int:
        document: dict[str, Any] = {
            "codes": codes,
            "seed": wanted.seed if origin is Origin.PROPOSED else None,
            "note": wanted.note,
            "judged": figures(judged),
        }
        revision = rows.add(sql, wanted.expected, origin, document, actor, now)
        audit(
            sql,
            actor,
            "sample.adopt",
            f"revision {revision}",
            {"codes": codes, "origin": origin.value, "seed": document["seed"]},
            now,
        )
        return revision

    return store.write(work)


def judge_of(store: Store, bands: Bands, codes: Sequence[str]) -> Judged:
    """Judge a sample of the schools and the equipment that the store knows."""
    schools, facts = store.read(lambda sql: (rows_schools.all_schools(sql), fact_rows.facts(sql)))
    return judge(schools, codes, bands, facts)


def figures(judged: Judged) -> dict[str, Any]:
    """Give what is kept of a judgement: figures, no words."""
    return {
        "schools": judged.schools,
        "pupils": judged.pupils,
        "size": judged.size,
        "distances": {margin.value: round(one, 6) for margin, one in judged.distances.items()},
        "pair_distance": round(judged.pair_distance, 6),
        "missed": [[faulty, round(chance, 6)] for faulty, chance in judged.missed],
        "fewest_found": judged.fewest_found,
        "stands_for": {one.school.code: one.nearest_schools for one in judged.choices},
        "unseen": [[line.margin, line.value, line.schools] for line in judged.unseen],
    }
