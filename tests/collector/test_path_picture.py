"""The segment picture: which state each piece has and why; how the page tells it."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from collector import resources
from collector.causes import kept as causes_kept
from collector.causes.model import Cause, Causes, Certainty, Strength
from collector.causes.segments import BOUNDS, Piece, PieceState, pieces
from collector.judge.criteria_file import load_criteria
from collector.pages.i18n import words
from collector.pages.segments_view import path_picture
from collector.programme.facts_catalogue import FactKind, load_facts
from collector.programme.findings_catalogue import load_findings
from collector.programme.model import Fact, Grade, Value
from collector.programme.words import Segment
from tests.collector.conftest import MONDAY, Serving, a_school

FACTS = load_facts()
FINDINGS = load_findings(None, FACTS)
SEGMENT_OF = {one.finding_id: one.segment.value for one in FINDINGS.values()}
NOTHING = Causes(causes=(), looked_at={})


def cause(finding_id: str, **changes: Any) -> Cause:
    """A named cause where its finding lies."""
    made = Cause(
        finding_id=finding_id,
        segment=SEGMENT_OF[finding_id],
        place=None,
        owner=FINDINGS[finding_id].owner.value,
        certainty=Certainty.NAMED,
        strength=Strength.TOLD,
        confidence=0.93,
        confidence_count=41,
        observed=(),
        confirm=(),
        measures=(),
        last_seen=None,
        explains=(),
    )
    return replace(made, **changes)


def piece(segment: Segment, facts: dict[str, Value], *causes: Cause) -> Piece:
    """One piece of the picture of these facts and causes."""
    found = pieces(facts, Causes(causes=causes, looked_at={}), SEGMENT_OF)
    return next(one for one in found if one.segment is segment)


REQUIRED = {"school.required_bps": 4e8, "school.required_upper_bps": 4.2e8}


@pytest.mark.parametrize(
    ("segment", "facts", "state"),
    [
        (Segment.ROUTER, {}, PieceState.UNKNOWN),
        (Segment.ROUTER, {"router.cpu_max_ratio": 0.7}, PieceState.GOOD),
        (Segment.ROUTER, {"router.cpu_max_ratio": 0.8}, PieceState.UNKNOWN),
        (Segment.ROUTER, {"router.cpu_max_ratio": 0.9}, PieceState.SUSPECTED),
        (Segment.ROUTER, {"router.cpu_max_ratio": 0.1, "line.mtu_black_hole": True},
         PieceState.SUSPECTED),
        (Segment.ROUTER, {"line.mtu_black_hole": False}, PieceState.GOOD),
        (Segment.ROUTER, {"router.intercepted_ratio": 0.0}, PieceState.GOOD),
        (Segment.CORE_SWITCH, {"core_switch.duplex": "half"}, PieceState.SUSPECTED),
        (Segment.CORE_SWITCH, {"core_switch.duplex": "full"}, PieceState.GOOD),
        (Segment.CORE_SWITCH, {"core_switch.port_speed_bps": 1e8}, PieceState.SUSPECTED),
        (Segment.CORE_SWITCH, {"core_switch.port_speed_bps": 1e10}, PieceState.GOOD),
        (Segment.LINE, {"line.quiet_median_bps": 5e8}, PieceState.UNKNOWN),  # of what is required?
        (Segment.LINE, {"line.quiet_median_bps": 5e8, **REQUIRED}, PieceState.GOOD),
        (Segment.LINE, {"line.quiet_median_bps": 4.1e8, **REQUIRED}, PieceState.UNKNOWN),
        (Segment.LINE, {"line.quiet_median_bps": 1e8, **REQUIRED}, PieceState.UNKNOWN),
        (Segment.LINE, {"line.rtt_median_seconds": 0.01}, PieceState.UNKNOWN),
        (Segment.AGGREGATION, {"aggregation.share_bps": 1e8, **REQUIRED}, PieceState.SUSPECTED),
        (Segment.CLOUD, {"cloud.failure_ratio": 0.0}, PieceState.GOOD),
    ],
)  # fmt: skip
def test_states_by_figures(segment: Segment, facts: dict[str, Value], state: PieceState) -> None:
    """Nothing measured is not known; a low speed alone says not which piece is at fault."""
    assert piece(segment, facts).state is state


def test_states_by_causes() -> None:
    """Named is trouble, suspected a suspicion, whatever figures say; other pieces are untouched."""
    good: dict[str, Value] = {"router.cpu_max_ratio": 0.1, "cloud.failure_ratio": 0.0}
    named = cause("nat_sessions")
    assert piece(Segment.ROUTER, good, named).state is PieceState.TROUBLE
    suspected = replace(named, certainty=Certainty.SUSPECTED)
    assert piece(Segment.ROUTER, good, suspected).state is PieceState.SUSPECTED
    assert piece(Segment.ROUTER, good, suspected, named).state is PieceState.TROUBLE
    assert piece(Segment.CLOUD, good, named).state is PieceState.GOOD
    past = replace(named, certainty=Certainty.PAST, explains=("interception",))
    assert piece(Segment.ROUTER, good, past).state is PieceState.GOOD
    elsewhere = replace(named, segment="core_switch")  # seen elsewhere than its finding says
    assert piece(Segment.ROUTER, good, elsewhere).state is PieceState.GOOD
    assert piece(Segment.CORE_SWITCH, good, elsewhere).state is PieceState.TROUBLE


def test_a_symptom_is_no_trouble_of_its_own() -> None:
    """The line is full because of updates: the line's figure accuses nobody."""
    facts: dict[str, Value] = {"line.lesson_use_ratio": 0.95}
    update = cause("update_day", explains=("line_saturated",))
    found = piece(Segment.LINE, facts, update)
    assert found.state is PieceState.UNKNOWN
    assert found.explained == {"line_saturated": "update_day"}
    assert piece(Segment.LINE, facts).state is PieceState.SUSPECTED


def test_all_findings_looked_at_clear_a_piece() -> None:
    """Every possible cause of a piece, each with evidence and none found; one open is not all."""
    of_router = [one for one, place in SEGMENT_OF.items() if place == "router"]
    every = Causes(causes=(), looked_at=dict.fromkeys(of_router, True))
    some = Causes(causes=(), looked_at={**every.looked_at, of_router[0]: False})
    for causes, state in ((every, PieceState.GOOD), (some, PieceState.UNKNOWN)):
        found = pieces({}, causes, SEGMENT_OF)
        assert next(one.state for one in found if one.segment is Segment.ROUTER) is state


@pytest.mark.parametrize(
    ("kind", "shown"), [("centre_aggregated", True), (None, True), ("best_effort_pppoe", False)]
)
def test_the_centre_is_shown_where_the_path_may_lead_there(kind: str | None, shown: bool) -> None:
    """All ten pieces in their order, or nine."""
    found = pieces({} if kind is None else {"line.kind": kind}, NOTHING, SEGMENT_OF)
    expected = [one for one in Segment if shown or one is not Segment.AGGREGATION]
    assert [one.segment for one in found] == expected


def test_what_speaks_against_comes_first() -> None:
    """So that it is read first."""
    facts: dict[str, Value] = {"router.cpu_max_ratio": 0.1, "router.sessions_max_ratio": 0.99}
    assert [one.fact for one in piece(Segment.ROUTER, facts).figures] == [
        "router.sessions_max_ratio",
        "router.cpu_max_ratio",
    ]


def test_every_bound_is_of_a_fact_and_fits_its_kind() -> None:
    """Names, kinds and the order of good and bad."""
    assert set(BOUNDS) == set(Segment)
    for bound in (one for bounds in BOUNDS.values() for one in bounds):
        definition = FACTS[bound.fact]
        for value in (bound.good, bound.bad):
            if value is not None and bound.times is None:
                definition.check(value)
        if definition.kind is FactKind.NUMBER and None not in (bound.good, bound.bad):
            assert (bound.good > bound.bad) is bound.less_is_worse  # type: ignore[operator]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_picture_names_cause_owner_place_and_certainty(language: str) -> None:
    """In both languages; a finding that the list no longer has is shown by its id."""
    fact = Fact(
        school_code="A1", key="router.cpu_max_ratio", grade=Grade.AGENT, value=0.97,
        source="s", noted_on=date(2026, 5, 11), noted_by="collector",
    )  # fmt: skip
    found = Causes(
        causes=(
            cause("router_limit", place="<b>rt1</b>"),
            replace(
                cause("cloud_side", confidence_count=0),
                finding_id="gone",
                certainty=Certainty.SUSPECTED,
            ),
        ),
        looked_at={},
    )
    text = words(language)
    criteria = load_criteria(resources.default_criteria())
    picture = path_picture(
        text, (FACTS, FINDINGS), a_school(), [fact], criteria, date(2026, 5, 11), found
    )
    router = next(one for one in picture.pieces if one.segment == "router")
    assert picture.summary == text("path_summary.trouble", pieces=text("segment.router"))
    assert (router.state, router.causes[0].certainty) == ("trouble", "named")
    assert router.causes[0].confidence == text("path.confidence", percent="93", count=41)
    assert router.causes[0].name == FINDINGS["router_limit"].names[language]
    assert router.causes[0].owner == text("segment_owner.integrator")
    assert [one.speaks for one in router.figures] == ["against"]
    assert "97 %" in router.figures[0].text
    cloud = next(one for one in picture.pieces if one.segment == "cloud")
    assert (cloud.state, cloud.causes[0].name) == ("suspected", "gone")
    assert cloud.causes[0].confidence == text("path.confidence_assumed")


def test_the_page_of_a_school_has_the_picture(serving: Serving) -> None:
    """Each piece once, with its state in words; nothing measured is not known, never good."""
    page = serving.desk("viewer").get("/schools/A1?lang=en").text
    assert page.count('<li class="piece ') == 9  # this school's line passes no centre
    assert page.count('<li class="piece unknown"') == 9
    assert "No trouble found (0 of 9 pieces good, the rest not known)." in page


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_causes_are_looked_for_once_and_shown_on_their_piece(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page opened again costs no second look; another school is another look."""
    asked: list[str] = []

    def look(*given: Any, **_: Any) -> Causes:
        asked.append(given[3])
        return Causes(causes=(cause("half_duplex", place="core <i>ge1</i>"),), looked_at={})

    monkeypatch.setattr(causes_kept, "school_causes", look)
    desk = serving.desk("viewer")
    pages = [desk.get(f"/schools/{code}?lang=en").text for code in ("A1", "A1", "B1")]
    assert asked == ["A1", "B1"]
    for page in pages:
        assert "Trouble in: Core switch" in page
        assert "core &lt;i&gt;ge1&lt;/i&gt;" in page
        assert "at least 93 % of such answers are right (95 %, by 41 in trials)" in page


def test_kept_causes_grow_old() -> None:
    """After ten minutes they are looked for anew."""
    seconds = iter([0.0, 599.0, 600.0])
    looks: list[int] = []

    class Clock:
        def monotonic_seconds(self) -> float:
            return next(seconds)

    anything: Any = None
    clock: Any = Clock()
    kept = causes_kept.KeptCauses(anything, anything, anything, clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(causes_kept, "school_causes", lambda *_, **__: looks.append(1))
        for _ in range(3):
            assert kept.of("A1", MONDAY, simulated=False) == NOTHING
    assert len(looks) == 2
