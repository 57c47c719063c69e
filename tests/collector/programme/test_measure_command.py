"""``hakaru-collector measure``: from giving a school a measure to a plan, on both databases."""

import json
from datetime import date, timedelta

import pytest

from collector.cli import main
from collector.judge.model import Status
from collector.programme import decision_rows, whom
from collector.programme.model import Decided, Decision, Grade
from collector.store import create_store
from collector.store.interface import Batch
from tests.collector.conftest import MONDAY, Maker, a_school, enrol


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run ``measure``; give exit code, standard output, standard error."""
    code = main(["measure", *words])
    out = capsys.readouterr()
    return code, out.out, out.err


@pytest.fixture
def database(url: str, make: Maker, monkeypatch: pytest.MonkeyPatch) -> str:
    """Two schools; A1 measured 200 Mbit/s in 2026-W20, its line confirmed to be saturated."""
    monkeypatch.setenv("HAKARU_DATABASE", url)
    store = create_store(url)
    store.import_schools([a_school("A1"), a_school("B1", 70, aggregation_group="north")])
    enrol(store, "agent-of-A1", "secret of A1")
    rows = [
        make.row(
            started_at=MONDAY + timedelta(days=day, hours=-2, minutes=2 * run),
            download_bps=200e6 + 1e6 * run,
        )
        for day in range(5)
        for run in range(4)
    ]
    store.submit(Batch("agent-of-A1", MONDAY + timedelta(days=5), rows, [])).result(60)
    store.set_setting("shown_week", "2026-W20")
    store.write(lambda sql: decision_rows.decide(sql, confirmed(), MONDAY))
    store.close()
    return url


def confirmed() -> Decided:
    """A1: the line is saturated."""
    return Decided(
        school_code="A1",
        finding_id="line_saturated",
        decision=Decision.CONFIRMED,
        grade=Grade.ON_SITE,
        evidence="回線の使用率",
        decided_on=date(2026, 5, 11),
        decided_by="operator:ueda",
        version=0,
    )


def test_a_measure_is_given_shown_done_and_cancelled(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each action by the first letters of the id; an old version is refused."""
    code, out, _ = told(
        capsys, "assign", "A1", "line_10g", "--planned-on", "2027-08-01", "--cost-yen", "250000",
        "--note", "夏休み", "--json",
    )  # fmt: skip
    assert code == 0
    short = json.loads(out)["assignment_id"][:8]
    assert told(capsys, "change", short, "--state", "ordered")[0] == 0
    code, _, error = told(capsys, "change", short, "--version", "1", "--cost-yen", "1")
    assert code == 1
    assert "version 2, yours was 1" in error
    code, out, _ = told(capsys, "done", short, "--on", "2026-05-20")
    assert code == 0, out
    assert "A1: line_10g is done" in out
    assert "夏休み" in told(capsys, "show", short)[1]
    listed = json.loads(told(capsys, "list", "--state", "done", "--json")[1])["measures"]
    assert [(one["school"], one["cost_yen"], one["version"]) for one in listed] == [
        ("A1", 250_000, 3)
    ]
    code, out, _ = told(capsys, "effect", "--json")
    figures = json.loads(out)["effects"][0]["figures"]
    assert [one["why"] for one in figures] == ["too_few_after", "too_few_before"]
    assert figures[0]["days_before"] == 5
    code, _, error = told(capsys, "cancel", short)
    assert code == 1
    assert "it is done, so found cancelled, allowed is ordered" in error
    assert database


def test_what_if_says_what_to_expect_and_on_what_it_rests(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A1 with a wider line; B1, which was never measured, cannot be told."""
    code, out, _ = told(capsys, "what-if", "--give", "line_10g=A1", "--json")
    assert code == 0, out
    found = json.loads(out)
    assert found["before"]["met_expected"] == 0
    assert found["after"]["met_expected"] > 0.3
    assert found["after"]["cannot_tell"] == {"not_measured": 1}
    assert any("2500 Mbit/s" in line for line in found["assumptions"])
    assert found["seconds"] < 10
    text = told(capsys, "what-if", "--give", "line_10g=all")[1]
    assert "B1       undetermined -> cannot tell (not_measured)" in text
    assert database


def test_a_plan_keeps_its_budget_and_is_compared_with_greed(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One school can be helped; what it costs is told, the other is left out with its reason."""
    words = ("plan", "--budget", "2027=1000000", "--budget", "2028=500000", "--json")
    code, out, error = told(capsys, *words)
    assert code == 0, error
    found = json.loads(out)
    assert found["left_out"] == {"B1": "cannot_tell"}
    assert [one["school"] for one in found["years"][0]["bought"]] == ["A1"]
    assert found["plan"]["schools_more"] >= found["greedy"]["schools_more"] > 0.3
    assert all(year["left_yen"] >= 0 for year in found["years"])
    half = json.loads(told(capsys, *words, "--subsidy", "example_half")[1])
    assert half["plan"]["yen"] < found["plan"]["yen"]
    text = told(capsys, "plan", "--budget", "2027=1000000", "--subsidy", "example_half")[1]
    assert "EXAMPLE, not real" in text
    assert "schools per million yen" in text
    assert database


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["assign", "Z9", "ipoe"], 1, "there is no school 'Z9'"),
        (["assign", "A1", "ipo"], 1, "did you mean ipoe?"),
        (["show", "ffff"], 1, "there is no measure 'ffff'"),
        (["what-if", "--give", "line_10g"], 2, "allowed is MEASURE=SCHOOLS"),
        (["what-if", "--give", "line_10=all"], 2, "did you mean line_10g?"),
        (
            ["what-if", "--give", "ipoe=group:south"],
            2,
            "found 'south', allowed is one of no",
        ),
        (["plan", "--budget", "27=1"], 2, "allowed is YEAR=YEN"),
        (["plan", "--budget", "1999=1"], 2, "found fiscal 1999, allowed is"),
        (["plan", "--budget", "2027=1", "--budget", "2027=2"], 2, "fiscal 2027 is given twice"),
        (["plan", "--budget", "2027=1", "--subsidy", "x"], 2, "--subsidy: found 'x'"),
        (["effect", "--weeks", "0"], 2, "--weeks: found 0, allowed is 1 to 26"),
    ],
)
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_what_is_wrong_is_named(
    database: str, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    """With what was found and what is allowed."""
    found, _, error = told(capsys, *words)
    assert (found, said in error) == (code, True), error
    assert database


def test_the_catalogue_is_listed_with_its_sources(capsys: pytest.CaptureFixture[str]) -> None:
    """Without any database."""
    code, out, _ = told(capsys, "catalogue")
    assert code == 0
    assert "assumption, replace by a quotation" in out
    assert len(json.loads(told(capsys, "catalogue", "--json")[1])["measures"]) == 20


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("all", ("A1", "B1")),
        ("not_met", ("A1",)),
        ("group:north", ("B1",)),
        ("line:best_effort_pppoe, B1", ("A1", "B1")),
        ("B1、A1", ("B1", "A1")),
        ("region:north", ("A1", "B1")),
    ],
)
def test_schools_are_named_in_several_ways(text: str, codes: tuple[str, ...]) -> None:
    """Codes, groups, lines, regions, those that fail; each school once."""
    schools = [a_school("A1"), a_school("B1", 70, aggregation_group="north")]
    status = {"A1": Status.NOT_MET, "B1": Status.MET}
    assert whom.read_whom(text, schools, status) == codes
