"""A policy is read strictly: whole or with every mistake, and never one that measures nothing."""

import contextlib
import json
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.policy.file import read_bytes, read_file
from tests.wire.policies import POLICY, changed
from wire.planning.cost import bound_bytes
from wire.planning.forecast import forecast
from wire.planning.schedule import blackout_at, plan
from wire.policy import (
    MAX_POLICY_BYTES,
    Policy,
    PolicyRefused,
    canonical,
    parse,
    read,
    read_command,
    read_layer,
    sha256_of,
)
from wire.probes import PROBES

ROOT = Path(__file__).parents[2]
ALL_YEAR = {"first": "2026-04-01", "last": "2027-03-31"}
OFF = "to switch off on purpose, suppress"


def test_a_policy_gives_what_the_planner_needs() -> None:
    """Each named window of a test becomes one of its own, with its runs."""
    policy = read(POLICY)
    assert [(one.probe, len(one.windows)) for one in policy.tests] == [
        ("throughput", 3),
        ("latency", 2),
    ]
    assert policy.window_names[0] == ("lesson", "quiet", "quiet")
    assert [window.runs for window in policy.tests[0].windows] == [1, 2, 2]
    assert policy.blackouts[0].reason == "exam"


BAD = [
    ("format", 2, "format: found 2, allowed is a whole number from 1 to 1"),
    (
        "zones",
        "Asia/Tokyo",
        (
            "zones: found an unknown key, allowed is one of blackouts budget closed format line "
            "tests timetable zone; did you mean zone?"
        ),
    ),
    (
        "tests.0.target",
        "-f",
        "tests[0].target: found -f, allowed is a host, HOST:PORT or URL, as the probe takes it",
    ),
    (
        "tests.1.target",
        "0x7f000001",
        (
            "tests[1].target: found 0x7f000001, allowed is an IPv4 address as four decimal "
            "numbers, 192.0.2.1"
        ),
    ),
    (
        "tests.0.options",
        {"second": 5},
        (
            "tests[0].options.second: found an unknown name, allowed is one of "
            f"{' '.join(sorted(PROBES['throughput'].options))}; did you mean seconds?"
        ),
    ),
    (
        "tests.0.runs",
        {"lessons": 1},
        "tests[0].runs.lessons: found this name, allowed is one of lesson quiet",
    ),
    (
        "tests.0.runs",
        {"lesson": 40},
        "tests[0].runs.lesson: found 40, allowed is at most 30 (70 s for each run) in 08:55-09:30",
    ),
    (
        "timetable.Lesson",
        [],
        (
            "timetable.Lesson: found this name, allowed is a name of a-z, 0-9 and _, such as "
            "lesson quiet"
        ),
    ),
    (
        "timetable.lesson.0.from",
        "9:00",
        (
            'timetable.lesson[0].from: found 9:00, allowed is a local time "HH:MM" from "00:00" to '
            '"24:00", in quotes'
        ),
    ),
    ("tests", [], f"tests: found no run in any week, allowed is at least one; {OFF}"),
    (
        "blackouts",
        [ALL_YEAR],
        (
            "closed and blackouts: found no run for 365 days from 2026-04-01, allowed is at most "
            f"100 days without a run; {OFF}"
        ),
    ),
    (
        "closed",
        [ALL_YEAR],
        (
            "closed and blackouts: found no run for 365 days from 2026-04-01, allowed is at most "
            f"100 days without a run; {OFF}"
        ),
    ),
    (
        "budget",
        {"day_bytes": 2_000_000},
        (
            "budget.day_bytes: found 2000000, allowed is at least 1325000000, one run of tests[0] "
            "at fastest_bps 1e+09: raise it, shorten options.seconds, or set fastest_bps to what "
            "the line can carry at most"
        ),
    ),
    (
        "tests.1.runs",
        {"quiet": 8_000},
        (
            "tests[1].runs.quiet: found 8000, allowed is at most 720 (10 s for each run) in "
            "06:00-08:00"
        ),
    ),
]


@pytest.mark.parametrize(("place", "value", "message"), BAD)
def test_each_mistake_has_its_exact_message(place: str, value: object, message: str) -> None:
    """Path in the document, what was found, what is allowed."""
    with pytest.raises(PolicyRefused) as caught:
        read(changed(place, value))
    assert str(caught.value) == message


def test_a_layer_may_lack_sections_but_none_may_be_wrong() -> None:
    """A school may say only its hours; names of windows are looked at when layers are together."""
    read_layer({"format": 1, "timetable": POLICY["timetable"]})
    read_layer({"format": 1, "tests": POLICY["tests"]})
    with pytest.raises(PolicyRefused, match=r"budget\.day_bytes"):
        read_layer({"format": 1, "budget": {"day_bytes": "much"}})
    with pytest.raises(PolicyRefused, match="format: found nothing"):
        read_layer({"tests": POLICY["tests"]})


def test_no_policy_reads_files_of_the_appliance() -> None:
    """Which certificates to trust is the appliance's own."""
    test = {"probe": "http_download", "target": "https://a.example/x", "runs": {"quiet": 1}}
    read(changed("tests.0", test))
    with pytest.raises(PolicyRefused, match=r"tests\[0\]\.options\.ca_file: found a file"):
        read(changed("tests.0", test | {"options": {"ca_file": "/etc/shadow"}}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        "[" * 100_000,
        '{"a":' * 5_000,
        '{"format":1,"format":1}',
        '{"format":NaN}',
        '{"format":1e999}',
        '{"zone":"\\ud800"}',
        '{"zone":"\\u0000"}',
        "\ud800",
        '{"a":"' + "x" * MAX_POLICY_BYTES + '"}',
        json.dumps({str(number): number for number in range(20_000)}),
    ],
    ids=range(14),
)
def test_texts_that_are_no_policy_are_refused(text: str) -> None:
    """Empty, huge, deep, doubled, infinite, half a surrogate: refused, no other exception."""
    with pytest.raises(PolicyRefused) as caught:
        read(parse(text))
    assert len(str(caught.value)) < 10_000


JSON_LIKE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["mon-fri", "08:00", "2026-04-01", "9999-12-31", "0001-01-01", "quiet"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["first", "last", "from", "to", "days", "runs", "probe", "x"]), inner
        )
    ),
    max_leaves=10,
)
PLACES = [*POLICY, "budget", "line", "closed", "zone", "tests.0", "tests.0.runs", "tests.0.options"]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PLACES), JSON_LIKE)
def test_any_values_are_either_taken_or_refused(place: str, value: object) -> None:
    """Whatever stands wherever: a policy or a refusal, never another exception."""
    document = changed(place, value)
    with contextlib.suppress(PolicyRefused):
        assert isinstance(read(document), Policy)
    with contextlib.suppress(PolicyRefused):
        assert isinstance(read_layer(document), Policy)


def test_the_canonical_form_does_not_depend_on_the_order_of_keys() -> None:
    """Equal documents have one hash, and the form reads as itself."""
    turned = json.loads(json.dumps(POLICY), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert list(turned) != list(POLICY)
    assert canonical(turned) == canonical(POLICY)
    assert parse(canonical(POLICY)) == POLICY
    assert sha256_of(canonical(POLICY)) != sha256_of(canonical(changed("zone", "UTC")))


days = st.dates(date(2026, 4, 1), date(2026, 6, 30))
minutes = st.integers(0, 1439)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(days, st.integers(0, 3), minutes, minutes), min_size=1, max_size=6),
    st.text(max_size=5),
    days,
)
def test_no_test_begins_in_a_blackout_or_runs_into_one(
    entries: list[tuple[date, int, int, int]], seed: str, day: date
) -> None:
    """Whatever blackouts there are, whichever the agent: exams are left alone, by plan and by now.

    The day after is planned too, and a run counts with all the time it may take.
    """
    blackouts = [
        {
            "first": first.isoformat(),
            "last": (first + timedelta(days=length)).isoformat(),
            "from": f"{min(a, b) // 60:02d}:{min(a, b) % 60:02d}",
            "to": f"{(max(a, b) + 1) // 60:02d}:{(max(a, b) + 1) % 60:02d}",
        }
        for first, length, a, b in entries
    ]
    policy = read(changed("blackouts", blackouts))
    for shown in (entries[0][0], day, day + timedelta(days=1)):
        for slot in plan(shown, policy.timetable, seed).slots:
            task = policy.timetable.tasks[slot.test]
            start = slot.at.astimezone(policy.zone)
            begin = (start.hour * 60 + start.minute) * 60 + start.second + start.microsecond / 1e6
            for dark in policy.timetable.blackouts_on(shown):
                clear = begin >= dark.to_seconds or begin + task.length_seconds <= dark.from_seconds
                assert clear, (slot, dark)
            assert blackout_at(policy.timetable, slot.at, task.length_seconds) is None


def test_a_moment_in_or_before_a_blackout_is_known() -> None:
    """What is to be measured now asks the same calendar as the plan."""
    policy = read(POLICY)
    exam = date(2027, 4, 15)

    def at(hour: int, minute: int, length_seconds: float = 0.0) -> bool:
        now = datetime.combine(exam, time(hour, minute), policy.zone)
        return blackout_at(policy.timetable, now, length_seconds) is not None

    assert at(8, 30)
    assert at(12, 29)
    assert not at(12, 30)
    assert not at(8, 29)
    assert at(8, 29, 70)


def test_the_forecast_says_runs_and_most_bytes() -> None:
    """Counts are the planner's; bytes are the worst case, within the budget."""
    policy = read(changed("budget", {"day_bytes": 3_000_000_000, "fastest_bps": 5e8}))
    (thursday,) = forecast(policy.tests, policy.timetable, policy.budget, "a", date(2027, 4, 15), 1)
    assert [(one.test, one.planned_count, one.left_out_count) for one in thursday.windows] == [
        (0, 0, 1),
        (0, 2, 0),
        (0, 2, 0),
        (1, 10, 0),
        (1, 10, 0),
    ]
    assert thursday.windows[0].reason == "blackout"
    assert (thursday.heavy_count, thursday.runs_count) == (4, 24)
    assert thursday.most_bytes == 4 * bound_bytes(5, 2, 5e8)
    whole = forecast(policy.tests, policy.timetable, policy.budget, "a", date(2027, 4, 12), 2)
    assert [day.most_bytes for day in whole] == [3_000_000_000, 3_000_000_000]
    assert [day.month_most_bytes for day in whole] == [3_000_000_000, 6_000_000_000]


def test_commands_are_read_by_the_rules_of_tests() -> None:
    """To measure now is one test without hours."""
    planned = read_command({"probe": "latency", "target": "a.example", "options": {"count": 5}})
    assert (planned.probe, planned.options) == ("latency", {"count": 5})
    for wrong in (
        {"probe": "latency", "target": "a.example", "runs": {}},
        {"probe": "latency"},
        {"probe": "throughput", "target": "a.example"},
    ):
        with pytest.raises(PolicyRefused):
            read_command(wrong)


def test_the_example_is_a_whole_policy_and_documented() -> None:
    """configs/examples/policy.toml is read, and docs/policy.md speaks of every section and key."""
    document = read_file(ROOT / "configs" / "examples" / "policy.toml")
    policy = read(document)
    assert [one.probe for one in policy.tests] == ["throughput", "latency", "dns"]
    text = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    test: Any = document["tests"]
    keys = {*document, *(key for one in test for key in one), "closed", "on_closed_days"}
    assert {key for key in keys if f"`{key}`" not in text} == set()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = [", "p.toml: not TOML: Invalid value (at end of document)"),
        ("x = nan", "p.toml: Out of range float values are not JSON compliant"),
        ("x = 08:00:00", "p.toml: found 08:00:00, allowed are days 2026-07-21 and times of day"),
    ],
)
def test_files_that_are_no_policy_are_named(text: str, message: str) -> None:
    """TOML that JSON cannot hold is refused where it stands."""
    with pytest.raises(PolicyRefused) as caught:
        read_bytes(text.encode(), "p.toml")
    assert message in str(caught.value)


def test_every_probe_can_stand_in_a_policy() -> None:
    """A new probe is known to policies by its own table."""
    for name, form in PROBES.items():
        target = {
            "host": "a.example",
            "resolver": "system",
            "url": "https://a.example/",
            "lan": "lan",
        }.get(form.target, "a.example:1" if form.target != "ndt7" else "wss://a.example")
        target = "www.speedtest.net" if form.target == "service" else target
        read(changed("tests.1", {"probe": name, "target": target, "runs": {"quiet": 1}}))
