"""Read the table of what lessons ask (configs/programme/demand.toml), refusing every mistake."""

import hashlib
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path

from collector import resources
from collector.judge.reading import Reading, Table, parse_toml, read_bytes, words
from collector.programme.plans.demand import Lesson, Lessons
from collector.programme.plans.file import number_or_wrong, pair_or_wrong
from collector.programme.plans.relations import half_up, number_text

_KEYS = (
    *("id", "name", "down_mbps", "up_mbps", "page_bytes", "within_seconds"),
    *("source", "date", "confirmed"),
)


def load_lessons(path: Path | None = None) -> Lessons:
    """Read the table; None: the packaged one. Raises ConfigRefused with all mistakes."""
    path = path or resources.configs_folder() / "programme" / "demand.toml"
    return parse_lessons(read_bytes(path), str(path))


def parse_lessons(raw: bytes, file: str) -> Lessons:
    """Read the table; ``file`` names it in messages. Raises ConfigRefused."""
    document = parse_toml(raw, file)
    reading = Reading(file)
    reading.only(document, "", ("usual_concurrency", "lesson"))
    usual = number_or_wrong(reading, document, "", "usual_concurrency")
    if usual is not None and not 0 < usual <= 1:
        reading.wrong("usual_concurrency", words(number_text(usual)), "a number above 0, at most 1")
    tables = reading.tables(document, "", "lesson")
    if not tables:
        reading.wrong("lesson", None, "at least one [[lesson]] table")
    lessons: dict[str, Lesson] = {}
    for number, item in enumerate(tables, 1):
        lesson = _lesson(reading, item, f"lesson {number}")
        if lesson is not None:
            if lesson.lesson_id in lessons:
                reading.wrong(f"lesson {number}.id", lesson.lesson_id, "each id once")
            lessons[lesson.lesson_id] = lesson
    reading.refuse_if_wrong()
    return Lessons(
        lessons=tuple(lessons.values()),
        usual_concurrency=usual or Fraction(1),
        version=hashlib.sha256(raw).hexdigest()[:12],
    )


def _lesson(reading: Reading, item: Table, place: str) -> Lesson | None:
    lesson_id = reading.text(item, place, "id")
    place = f"lesson {lesson_id}" if lesson_id else place
    reading.only(item, place, _KEYS)
    name = pair_or_wrong(reading, item, place, "name")
    down = reading.positive(item, place, "down_mbps")
    up = reading.positive(item, place, "up_mbps") if "up_mbps" in item else None
    source = reading.text(item, place, "source")
    published = item.get("date")
    if not isinstance(published, date) or isinstance(published, datetime):
        reading.wrong(f"{place}.date", published, "a date without quotes, such as 2022-08-02")
        return None
    confirmed = item.get("confirmed")
    if not isinstance(confirmed, bool):
        reading.wrong(f"{place}.confirmed", confirmed, "true or false")
        return None
    if down is None:
        return None
    _check_page(reading, item, place, Fraction(down))
    return Lesson(
        lesson_id=lesson_id,
        name=name,
        down_mbps=Fraction(down),
        up_mbps=None if up is None else Fraction(up),
        source=source,
        published_on=published,
        confirmed=confirmed,
    )


def _check_page(reading: Reading, item: Table, place: str, down: Fraction) -> None:
    """Where a rate is bytes within seconds, it is what they give, to one decimal."""
    if "page_bytes" not in item and "within_seconds" not in item:
        return
    size = reading.whole(item, place, "page_bytes", 1, 10**9)
    seconds = reading.positive(item, place, "within_seconds")
    if size is None or seconds is None:
        return
    given = half_up(Fraction(8 * size) / Fraction(seconds) / 1_000_000, 1)
    if given != down:
        allowed = f"{number_text(given)}: {size:,} bytes within {seconds} s, to one decimal"
        reading.wrong(f"{place}.down_mbps", words(number_text(down)), allowed)
