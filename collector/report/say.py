"""How the report says things in one language: schools, findings, months, speeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from collector.judge.model import Status
from collector.judge.week import Week
from collector.pages import format as fmt
from collector.pages.i18n import Words
from collector.programme.fiscal import fiscal_year_of, label
from collector.report.document import Report
from collector.report.document_programme import Comparison, Month, Programme
from collector.report.document_schools import FigureLine, Odd, SchoolLine
from collector.report.elements import MARKS


@dataclass(frozen=True, slots=True)
class Say:
    """The words of one report."""

    report: Report
    words: Words

    def city(self) -> str:
        """The city's name."""
        names = self.report.city_names
        return names.get(self.words.language) or self.words("site.default_city")

    def week(self, week: str) -> str:
        """第23週 with its days."""
        first, last = fmt.week_days(week)
        return self.words(
            "report.week_span",
            week=fmt.week_name(self.words, week),
            start=fmt.day(self.words, first),
            end=fmt.short_day(self.words, last),
        )

    def short_week(self, week: str) -> str:
        """6/1: the Monday of a week, for axes."""
        monday = Week.parse(week).monday
        return f"{monday.month}/{monday.day}"

    def school(self, code: str) -> str:
        """A school's name."""
        found = self.report.school(code)
        return code if found is None else found.name

    def schools(self, codes: Sequence[str], most: int = 6) -> str:
        """Names of some schools, and how many more there are."""
        return self.some([self.school(code) for code in codes], most)

    def some(self, items: Sequence[str], most: int) -> str:
        """A few of many."""
        if not items:
            return self.words("report.none")
        shown = list(items[:most])
        if len(items) > most:
            shown.append(self.words("report.more_items", n=len(items) - most))
        return self.words("site.separator").join(shown)

    def named(self, names: Mapping[str, str], otherwise: str) -> str:
        """A name of a catalogue; its id where the catalogue does not know it."""
        return names.get(self.words.language) or names.get("ja") or otherwise

    def finding(self, finding_id: str) -> str:
        """A finding's name."""
        for one in self.report.findings:
            if one.finding_id == finding_id:
                return self.named(one.names, finding_id)
        return finding_id

    def measure(self, measure_id: str) -> str:
        """A measure's name."""
        for one in self.report.measures:
            if one.measure_id == measure_id:
                return self.named(one.names, measure_id)
        return measure_id

    def day(self, value: date | None) -> str:
        """2026/06/01, or a dash."""
        return self.words("site.none") if value is None else f"{value:%Y/%m/%d}"

    def span(self, first: date | None, last: date | None) -> str:
        """From one day to another."""
        if first is None or last is None:
            return self.words("report.schedule_none")
        if first == last:
            return self.day(first)
        return self.words("report.span", first=self.day(first), last=self.day(last))

    def months(self, months: Sequence[Month], unplanned: int) -> str:
        """How much is planned for which month."""
        said = []
        for one in months:
            year, month = one.month.split("-")
            said.append(self.words("report.month_count", year=year, month=int(month), n=one.count))
        if unplanned:
            said.append(self.words("report.unplanned", n=unplanned))
        return self.words("site.separator").join(said)

    def deadline(self, programme: Programme) -> str:
        """How long it is to the deadline, or since."""
        if programme.deadline is None or programme.days_left is None:
            return ""
        overdue = programme.days_left < 0
        return self.words(
            "report.overdue" if overdue else "report.deadline",
            day=fmt.day(self.words, programme.deadline),
            year=label(fiscal_year_of(programme.deadline), self.words.language),
            n=abs(programme.days_left),
        )

    def status(self, status: Status) -> str:
        """Mark and word of a verdict."""
        return f"{MARKS[status.value]} {self.words(f'status.{status.value}')}"

    def runs(self, figure: FigureLine) -> str:
        """Runs used, and failed ones in brackets."""
        return f"{figure.runs}（{figure.failed_runs}）" if figure.failed_runs else f"{figure.runs}"

    def required(self, line: SchoolLine) -> str:
        """Required speed of a school, without its unit."""
        if line.required_bps is None or line.upper_bps is None:
            return self.words("site.none")
        low = fmt.mbps_number(line.required_bps)
        if line.upper_bps <= line.required_bps:
            return low
        return self.words("value.range", low=low, high=fmt.mbps_number(line.upper_bps))

    def number(self, bps: int | None) -> str:
        """A speed without its unit, or a dash."""
        return self.words("site.none") if bps is None else fmt.mbps_number(bps)

    def speed(self, bps: int | None) -> str:
        """A speed with its unit."""
        return fmt.mbps(self.words, bps)

    def interval(self, figure: FigureLine) -> str:
        """Both ends of an interval, or a dash."""
        text = fmt.mbps_range(self.words, figure.low_bps, figure.high_bps)
        return text or self.words("site.none")

    def shift(self, found: Comparison) -> str:
        """Interval of the shift from before to after, with signs; a dash where there is none."""
        if found.low_bps is None or found.high_bps is None:
            return self.words("site.none")
        low, high = (_signed(value) for value in (found.low_bps, found.high_bps))
        return self.words("value.range", low=low, high=high)

    def odd(self, odd: Odd) -> str:
        """What is odd."""
        return self.words(f"report_odd.{odd.kind.value}", found=odd.found)

    def yen(self, value: int | None) -> str:
        """A sum of money, or a dash."""
        return self.words("site.none") if value is None else f"{value:,}"

    def stated(self) -> str:
        """When the report was made."""
        return fmt.moment(self.words, self.report.stated_at)

    def clock(self, hour: int) -> str:
        """An hour of the day."""
        return f"{hour}:00–{hour}:59"


def _signed(bps: int) -> str:
    sign = "+" if bps >= 0 else "\N{MINUS SIGN}"
    return f"{sign}{fmt.mbps_number(abs(bps))}"
