"""Which city, week and moment the pages show."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.clock import Clock
from collector.judge.calendar import Calendars
from collector.judge.criteria import Criteria
from collector.judge.week import Week
from collector.pages.i18n import Words
from collector.shown import Shown
from collector.store.interface import Store

CITY_NAME: Final = "city_name_{language}"
"""Setting: the city's name in one language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSources:
    """Where the pages take everything from."""

    store: Store
    criteria: Criteria
    calendars: Calendars
    clock: Clock
    shown: Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What holds for a whole page: city, simulated or not, now, and the week shown."""

    city_name: str
    simulated: bool
    now: datetime
    """Moment that ages count from."""
    wall: datetime
    """The wall clock: decides which weeks have ended."""
    week: Week
    weeks: tuple[str, ...]
    """Weeks to choose from, newest first; the running one is among them, later ones are not."""

    def running(self, week: str) -> bool:
        """Say whether a week has not ended yet: what it says is no verdict on it."""
        return Week.parse(week).end > self.wall


class NoSuchWeek(ValueError):
    """A week was asked for that has no verdicts."""


def frame(sources: PageSources, words: Words, wanted_week: str) -> Frame:
    """Decide what a page shows; raises :class:`NoSuchWeek` for a week without verdicts."""
    store = sources.store
    simulated = sources.shown.simulated()
    wall = sources.clock.now()
    judged = (Week.parse(label) for label in store.judged_weeks(simulated=simulated))
    weeks = tuple(str(week) for week in judged if week.start <= wall)
    default = sources.shown.week()
    if wanted_week and wanted_week not in (*weeks, str(default)):
        raise NoSuchWeek(wanted_week)
    return Frame(
        city_name=store.setting(CITY_NAME.format(language=words.language))
        or words("site.default_city"),
        simulated=simulated,
        now=sources.shown.now(),
        wall=wall,
        week=Week.parse(wanted_week) if wanted_week else default,
        weeks=weeks,
    )
