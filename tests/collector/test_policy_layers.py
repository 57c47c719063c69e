"""Layers: nearest wins by section, dark days add up, versions stay, broken changes are refused."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector import resources
from collector.judge.calendar import Calendars
from collector.judge.calendar_file import load_calendars, parse_calendars
from collector.operators import audit
from collector.policy import change, suppression, table
from collector.policy.calendar_days import days_of
from collector.policy.change import Author, ChangeRefused
from collector.policy.effective import Policies
from collector.policy.merge import ADDED, merge, sources
from collector.policy.model import CITY, Layer, Scope, ScopeKind
from collector.store.interface import Store
from tests.collector.conftest import MONDAY, a_school
from tests.wire.policies import POLICY, changed
from wire.policy import PolicyRefused

AUTHOR = Author("cli:aoi", MONDAY, "why")
TODAY = date(2026, 5, 11)
A1 = Scope(ScopeKind.SCHOOL, "A1")
NORTH = Scope(ScopeKind.GROUP, "north")
LISTED = Scope(ScopeKind.LIST, "sample")
LONG = {"days": "mon-fri", "from": "08:45", "to": "09:30"}


@pytest.fixture
def policies() -> Policies:
    """Policies with the calendar that comes with the program."""
    return Policies(load_calendars(resources.default_calendar()))


@pytest.fixture
def city(store: Store) -> Store:
    """A1 and B1 in the group north, C1 in none."""
    grouped = [a_school(code, aggregation_group="north") for code in ("A1", "B1")]
    store.import_schools([*grouped, a_school("C1")])
    return store


def layer(revision: int, scope: Scope, document: dict[str, Any]) -> Layer:
    """A layer."""
    return Layer(
        revision=revision,
        scope=scope,
        document={"format": 1, **document},
        sha256=str(revision),
        note="",
        set_at=MONDAY,
        set_by="x",
    )


def effective(store: Store, policies: Policies, code: str) -> Any:
    """What a school goes by."""
    school = store.school(code)
    assert school is not None
    return store.read(lambda sql: policies.of_school(sql, school, TODAY))


sections = st.fixed_dictionaries(
    {},
    optional={
        "zone": st.sampled_from(["Asia/Tokyo", "UTC"]),
        "tests": st.sampled_from([[{"probe": "a"}], [{"probe": "b"}]]),
        "budget": st.sampled_from([{"day_bytes": 1}, {"month_bytes": 2}]),
        "timetable": st.dictionaries(
            st.sampled_from(["lesson", "quiet", "day"]), st.sampled_from([["x"], ["y"]])
        ),
        "closed": st.lists(st.sampled_from([{"first": "1"}, {"first": "2"}]), max_size=2),
        "blackouts": st.lists(st.sampled_from([{"first": "3"}, {"first": "4"}]), max_size=2),
    },
)
SCOPES = [CITY, NORTH, LISTED, A1]


@settings(max_examples=200, deadline=None)
@given(st.lists(sections, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_nearest_wins_by_section_whatever_the_order(given_: list[Any], chance: Any) -> None:
    """Each section is that of the nearest layer with it; dark days are those of all."""
    layers = [layer(number, SCOPES[number], document) for number, document in enumerate(given_)]
    shuffled = list(layers)
    chance.shuffle(shuffled)
    merged = merge(shuffled)
    assert merged == merge(layers)
    for section in ("zone", "tests", "budget"):
        having = [one.document[section] for one in layers if section in one.document]
        assert merged.get(section) == (having[-1] if having else None)
    for name in ("lesson", "quiet", "day"):
        having = [
            one.document["timetable"][name]  # type: ignore[index, call-overload] # as made above
            for one in layers
            if name in one.document.get("timetable", {})  # type: ignore[operator] # the same
        ]
        assert (merged.get("timetable") or {}).get(name) == (having[-1] if having else None)  # type: ignore[union-attr] # the same
    for section in ADDED:
        every = [entry for one in layers for entry in one.document.get(section, [])]  # type: ignore[union-attr] # the same
        got: Any = merged.get(section) or []
        assert all(entry in got for entry in every)
        assert len(got) == len({str(entry) for entry in every})
    named = sources(layers)
    for section in ("zone", "tests", "budget"):
        having_scope = [one.scope for one in layers if section in one.document]
        assert named.get(section, ()) == tuple(having_scope[-1:])


def test_schools_go_by_the_layers_they_are_under(city: Store, policies: Policies) -> None:
    """City for all; group, list and school for their own; the version names the newest revision."""
    change.set_layer(city, policies, CITY, POLICY, AUTHOR)
    change.set_layer(
        city, policies, NORTH, {"format": 1, "budget": {"day_bytes": 5_000_000_000}}, AUTHOR
    )
    hours = {"format": 1, "timetable": {"lesson": [LONG]}}
    last = change.set_layer(city, policies, A1, hours, AUTHOR)
    own, other, outside = (effective(city, policies, code) for code in ("A1", "B1", "C1"))
    assert own.version.startswith(f"{last.revision}-")
    assert own.policy.budget.day_bytes == other.policy.budget.day_bytes == 5_000_000_000
    assert outside.policy.budget.day_bytes is None
    assert own.policy.tests[0].windows[0].from_seconds == 8 * 3600 + 45 * 60
    assert other.policy.tests[0].windows[0].from_seconds == 8 * 3600 + 55 * 60
    assert len(own.policy.tests[0].windows) == 3  # the city's quiet hours are kept
    assert own.sources["timetable.lesson"] == (A1,)
    assert own.sources["timetable.quiet"] == (CITY,)


def test_a_named_list_is_nearer_than_the_group(city: Store, policies: Policies) -> None:
    """Lists are made for exceptions; leaving the list ends them."""
    change.set_layer(city, policies, CITY, POLICY, AUTHOR)
    change.set_list(city, policies, "sample", ["A1", "C1"], AUTHOR)
    for scope, size in ((NORTH, 5_000_000_000), (LISTED, 6_000_000_000)):
        document = {"format": 1, "budget": {"day_bytes": size}}
        change.set_layer(city, policies, scope, document, AUTHOR)
    budgets = [effective(city, policies, code).policy.budget.day_bytes for code in ("A1", "B1")]
    assert budgets == [6_000_000_000, 5_000_000_000]
    change.set_list(city, policies, "sample", ["C1"], AUTHOR)
    assert effective(city, policies, "A1").policy.budget.day_bytes == 5_000_000_000


def test_versions_are_kept_for_ever_and_audited(city: Store, policies: Policies) -> None:
    """Who, when, what and why; the one before stays readable; removing is a version too."""
    change.set_layer(city, policies, CITY, POLICY, AUTHOR)
    change.set_layer(city, policies, CITY, changed("zone", "UTC"), AUTHOR)
    change.set_layer(city, policies, CITY, {}, Author("operator:ren", MONDAY, "gone"))
    versions = city.read(lambda sql: table.history(sql, CITY, 10))
    assert [one.revision for one in versions] == [3, 2, 1]
    assert [bool(one.document) for one in versions] == [False, True, True]
    assert versions[2].document == POLICY
    assert (versions[0].set_by, versions[0].note) == ("operator:ren", "gone")
    assert effective(city, policies, "A1") is None
    records = city.read(lambda sql: audit.newest(sql, 5))
    assert [one.action for one in records] == ["policy.remove", "policy.set", "policy.set"]
    assert city.read(audit.verify) == []


@pytest.mark.parametrize(
    ("scope", "document", "message"),
    [
        (A1, {"format": 1, "tests": []}, r"policy of 1 schools \(A1\)[^A]*no run in any week"),
        (
            CITY,
            {"format": 1, "tests": POLICY["tests"]},
            r"policy of 3 schools \(A1 B1 C1\)[\s\S]*nothing: there is no timetable",
        ),
        (Scope(ScopeKind.SCHOOL, "Z9"), POLICY, "there is no such school"),
        (Scope(ScopeKind.GROUP, "south"), POLICY, "there is no such group; allowed is north"),
        (Scope(ScopeKind.CITY, "x"), POLICY, "there is no such city"),
        (NORTH, {}, "nothing to remove"),
    ],
)
def test_a_change_that_would_leave_schools_without_policy_is_not_made(
    city: Store, policies: Policies, scope: Scope, document: dict[str, Any], message: str
) -> None:
    """Refused as a whole, with the schools and the mistake; nothing is kept."""
    if scope != CITY:
        change.set_layer(city, policies, CITY, POLICY, AUTHOR)
    before = len(city.read(lambda sql: table.history(sql, None, 10)))
    with pytest.raises(ChangeRefused, match=message):
        change.set_layer(city, policies, scope, document, AUTHOR)
    assert len(city.read(lambda sql: table.history(sql, None, 10))) == before


def test_a_document_that_is_wrong_by_itself_is_refused(city: Store, policies: Policies) -> None:
    """Also where no school would use it yet."""
    with pytest.raises(PolicyRefused, match=r"budget\.day_bytes"):
        change.set_layer(city, policies, A1, {"format": 1, "budget": {"day_bytes": 1}}, AUTHOR)


def test_a_list_may_not_break_a_policy_either(city: Store, policies: Policies) -> None:
    """Who belongs to a list decides about policies as a file does."""
    change.set_list(city, policies, "sample", ["C1"], AUTHOR)
    change.set_layer(city, policies, A1, POLICY, AUTHOR)
    change.set_layer(city, policies, LISTED, {"format": 1, "zone": "UTC"}, AUTHOR)
    late = {"format": 1, "timetable": {"lesson": [{"days": "mon", "from": "09:00", "to": "09:01"}]}}
    change.set_layer(city, policies, LISTED, late, AUTHOR)
    change.set_list(city, policies, "sample", ["A1"], AUTHOR)  # A1's own lessons are nearer
    with pytest.raises(ChangeRefused, match="there is no school Z9"):
        change.set_list(city, policies, "sample", ["Z9"], AUTHOR)
    with pytest.raises(ChangeRefused, match="list: found"):
        change.set_list(city, policies, "a b", ["A1"], AUTHOR)


CALENDAR = """
version = "t"
[default]
school_weekdays = [1, 2, 3, 4, 5]
national_holidays = true
envelope = ["08:40", "15:35"]
lessons = [["08:55", "09:30"]]
quiet_before = "08:00"
quiet_after = "16:30"
extra_school_days = ["2026-07-25"]
[[default.closed]]
first = "07-21"
last = "08-31"
reason = "夏季休業"
[[default.blackout]]
first = "2027-04-15"
last = "2027-04-15"
reason = "exam"
"""


def test_vacations_and_holidays_come_from_the_calendar_that_judges(city: Store) -> None:
    """One calendar says what a school day is; exams in it are dark days of every policy."""
    calendars: Calendars = parse_calendars(CALENDAR.encode(), "t.toml")
    closed, dark = days_of(calendars.default, TODAY)
    entries: Any = closed
    assert dark == ({"first": "2027-04-15", "last": "2027-04-15", "reason": "exam"},)
    assert {"first": "2026-07-21", "last": "2026-07-24", "reason": "夏季休業"} in entries
    assert {"first": "2026-07-26", "last": "2026-08-31", "reason": "夏季休業"} in entries
    assert {"first": "2026-11-03", "last": "2026-11-03", "reason": "文化の日"} in entries
    assert min(entry["first"] for entry in entries) >= "2026-04-01"
    assert max(entry["last"] for entry in entries) <= "2028-03-31"
    policies = Policies(calendars)
    change.set_layer(city, policies, CITY, POLICY, AUTHOR)
    found = effective(city, policies, "A1").policy
    assert len(found.blackouts) == 2
    assert found.timetable.closed_on(date(2026, 8, 3)).reason == "夏季休業"
    assert found.timetable.closed_on(date(2026, 7, 25)) is None


def test_suppression_by_scope_until_its_time_or_lifted(city: Store, policies: Policies) -> None:
    """School, list, group and city; the last end counts; each is audited."""
    change.set_list(city, policies, "sample", ["C1"], AUTHOR)
    hour = timedelta(hours=1)
    for number, scope in enumerate((CITY, NORTH, LISTED, A1), 1):
        suppression.suppress(city, scope, MONDAY + number * hour, f"why {number}", AUTHOR)

    def reasons(code: str, hours: float = 0) -> list[str]:
        school = city.school(code)
        assert school is not None
        now = MONDAY + hours * hour
        held = city.read(lambda sql: suppression.on_school(sql, school, now))
        return [one.reason for one in held]

    assert reasons("A1") == ["why 4", "why 2", "why 1"]
    assert reasons("C1") == ["why 3", "why 1"]
    assert reasons("A1", 3) == ["why 4"]
    assert reasons("A1", 4) == []
    assert suppression.lift(city, A1, AUTHOR) == 1
    assert suppression.lift(city, A1, AUTHOR) == 0
    assert reasons("A1") == ["why 2", "why 1"]
    actions = [one.action for one in city.read(lambda sql: audit.newest(sql, 9))]
    assert actions == ["suppress.lift", *["suppress.set"] * 4, "policy.list"]


@pytest.mark.parametrize(
    ("hours", "reason", "message"),
    [
        (0, "x", "until: found"),
        (24 * 500, "x", "until: found"),
        (1, " ", "reason"),
        (1, "a\nb", "one line"),
    ],
)
def test_a_suppression_without_end_or_reason_is_refused(
    city: Store, hours: int, reason: str, message: str
) -> None:
    """Somebody will ask in a month why nothing is measured."""
    with pytest.raises(ChangeRefused, match=message):
        suppression.suppress(city, CITY, MONDAY + timedelta(hours=hours), reason, AUTHOR)
