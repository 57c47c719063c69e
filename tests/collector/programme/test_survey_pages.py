"""Survey and findings through pages and commands: who may, what is kept, nothing overwritten."""

import csv
import html
import io
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from collector.cli import main
from collector.operators import audit
from collector.pages.facts_view import fact_text
from collector.pages.i18n import LANGUAGES, words
from collector.programme import decision_rows, fact_rows, progress_rows
from collector.programme.facts_catalogue import load_facts
from collector.programme.findings_catalogue import default_findings, load_findings
from collector.programme.model import Decision, Fact, Grade, State, Value
from collector.store.interface import Store
from tests.collector.conftest import MONDAY, Desk, Serve, Serving, a_school

FINDINGS = load_findings()


def fact(code: str, key: str, value: Value, grade: Grade) -> Fact:
    """Make a fact."""
    return Fact(
        school_code=code,
        key=key,
        grade=grade,
        value=value,
        source="=cmd|<script>",
        noted_on=MONDAY.date(),
        noted_by="cli:tester",
    )


@pytest.fixture
def city(store: Store) -> Store:
    """A1 has a half-duplex link that papers deny; S1 is a sample school; B1 nothing is known of."""
    store.import_schools([a_school(), a_school("B1"), a_school("S1", sample=True)])
    for one in (
        fact("A1", "core_switch.duplex", "half", Grade.AGENT),
        fact("A1", "core_switch.duplex", "full", Grade.DESK),
        fact("A1", "router.model", "<script>alert(1)</script>", Grade.DESK),
    ):
        store.write(lambda sql, one=one: fact_rows.put_fact(sql, one))
    return store


@pytest.fixture
def serving(city: Store, serve: Serve) -> Serving:
    """The collector of that city."""
    assert city.school("A1")
    return serve()


@pytest.fixture
def desk(serving: Serving) -> Desk:
    """An operator's browser."""
    return serving.desk("operator")


def test_the_matrix_shows_contradictions_first(desk: Desk) -> None:
    """The city page names the contradiction, counts what is confirmed, filters by finding."""
    page = desk.get("/programme/survey?lang=en").text
    assert "Confirmed: 0 of 2 schools" in page
    assert (
        page.index("Contradictions (look") < page.index("A half-duplex link") < page.index("<table")
    )
    rows = page.split("<tbody>")[1]
    assert rows.index("A1 ") < rows.index("B1 ")
    only = desk.get("/programme/survey?lang=en&finding=half_duplex").text.split("<tbody>")[1]
    assert "A1 " in only
    assert "B1 " not in only
    assert "No school fits" in desk.get("/programme/survey?lang=en&q=zzz").text


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_are_whole_in_both_languages(desk: Desk, language: str) -> None:
    """Each page answers, names every finding, and runs nothing that came from data."""
    for path in ("/programme/survey", "/programme/findings", "/schools/A1/survey"):
        answer = desk.get(f"{path}?lang={language}")
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text
        text = html.unescape(answer.text)
        assert all(one.names[language] in text for one in FINDINGS.values())
        assert " style=" not in answer.text
    assert desk.get("/schools/NONE/survey").status_code == 404


def shown(desk: Desk) -> str:
    """The judgements of school A1 that its page shows, as its form names them."""
    return desk.get("/schools/A1/survey").text.split('name="shown" value="')[1].split('"')[0]


def confirm(desk: Desk, seen: str, **more: str) -> httpx.Response:
    """Confirm the survey of A1 as a page showed it before anything was decided."""
    fields = {"do": "confirm", "progress_version": "0", "shown": seen} | more
    return desk.send("/schools/A1/survey", **fields)


def test_confirming_a_school_keeps_what_was_told(desk: Desk, city: Store) -> None:
    """Likely becomes confirmed, unlikely rejected, the rest stays open; the school: identified."""
    answer = confirm(desk, shown(desk), note="会議")
    assert answer.status_code == 200
    kept = {one.finding_id: one for one in city.read(decision_rows.decisions)}
    assert kept["half_duplex"].decision is Decision.CONFIRMED
    assert kept["half_duplex"].grade is Grade.AGENT
    assert "core_switch.duplex=half (agent)" in kept["half_duplex"].evidence
    assert kept["half_duplex"].evidence.endswith("会議")
    assert kept["interception"].decision is Decision.REJECTED
    assert 0 < len(kept) < len(FINDINGS)  # not known: the survey cannot tell, a person did not
    (state,) = city.read(progress_rows.progress)
    assert (state.school_code, state.state) == ("A1", State.IDENTIFIED)
    actions = [one.action for one in city.read(lambda sql: audit.newest(sql, 50))]
    assert actions[0] == "survey.confirm"
    assert actions.count("finding.decide") == len(kept)
    assert "Confirmed: 1 of 2 schools" in desk.get("/programme/survey?lang=en").text


def test_two_who_confirm_one_school(desk: Desk, city: Store) -> None:
    """The second is told (409), and nothing of theirs is kept."""
    seen = shown(desk)
    assert confirm(desk, seen).status_code == 200
    before = city.read(decision_rows.decision_events)
    assert confirm(desk, seen).status_code == 409
    assert city.read(decision_rows.decision_events) == before


def test_only_what_was_shown_is_confirmed(desk: Desk, city: Store) -> None:
    """Facts that came between the page and the click are read before they are confirmed."""
    seen = shown(desk)
    changed = fact("A1", "core_switch.duplex", "full", Grade.AGENT)
    city.write(lambda sql: fact_rows.replace_measured(sql, ["A1"], [changed]))
    answer = confirm(desk, seen)
    assert answer.status_code == 409
    assert "表示後に机上調査の判定が変わりました" in answer.text
    assert city.read(decision_rows.decisions) == []
    assert city.read(progress_rows.progress) == []
    assert confirm(desk, shown(desk)).status_code == 200


def test_a_decision_says_on_what_it_rests(desk: Desk, city: Store) -> None:
    """Without evidence nothing is kept: what is decided is carried over to other schools."""
    answer = desk.send(
        "/schools/B1/survey",
        **{
            "do": "decide",
            "decision.loop": "confirmed",
            "grade.loop": "on_site",
            "version.loop": "0",
            "evidence.loop": "  ",
        },
    )
    assert answer.status_code == 422
    assert "根拠を書いてください" in answer.text
    assert city.read(decision_rows.decisions) == []


def test_deciding_one_finding(desk: Desk, city: Store) -> None:
    """A decision with grade and evidence is kept; a stale version is told with what was entered."""
    form = {
        "do": "decide",
        "decision.loop": "confirmed",
        "grade.loop": "on_site",
        "evidence.loop": "職員室 <b>ハブ</b>",
        "version.loop": "0",
    }
    assert "1 件の判断を保存" in desk.send("/schools/B1/survey", **form).text
    (kept,) = city.read(decision_rows.decisions)
    assert (kept.finding_id, kept.decision, kept.grade) == (
        "loop",
        Decision.CONFIRMED,
        Grade.ON_SITE,
    )
    assert kept.decided_by == "operator:the-operator"
    stale = desk.send("/schools/B1/survey", **form | {"decision.loop": "rejected"})
    assert stale.status_code == 409
    assert "loop: rejected" in stale.text
    assert "&lt;b&gt;" in stale.text
    assert city.read(decision_rows.decisions) == [kept]
    nothing = desk.send("/schools/B1/survey", do="decide")
    assert "変更はありませんでした" in nothing.text


@pytest.mark.parametrize(
    "form",
    [
        {"decision.loop": "maybe", "grade.loop": "desk", "version.loop": "0"},
        {"decision.loop": "confirmed", "grade.loop": "best", "version.loop": "0"},
        {
            "decision.loop": "confirmed",
            "grade.loop": "desk",
            "version.loop": "-1",
            "evidence.loop": "x",
        },
        {
            "decision.loop": "confirmed",
            "grade.loop": "desk",
            "version.loop": "0",
            "evidence.loop": "x" * 501,
        },
        {"do": "confirm", "progress_version": "many"},
    ],
)
def test_wrong_forms_keep_nothing(desk: Desk, city: Store, form: dict[str, str]) -> None:
    """A form that no page sends is refused with 422."""
    answer = desk.send("/schools/B1/survey", **{"do": "decide"} | form)
    assert answer.status_code == 422
    assert "allowed" in answer.text
    assert city.read(decision_rows.decisions) == []
    assert city.read(progress_rows.progress) == []


def test_viewers_read_and_change_nothing(desk: Desk, city: Store, serving: Serving) -> None:
    """A viewer sees the survey without forms, and is refused where they post."""
    assert "<fieldset" in desk.get("/schools/A1/survey").text
    viewer = serving.desk("viewer")
    assert "<fieldset" not in viewer.get("/schools/A1/survey").text
    answer = viewer.send("/schools/A1/survey", do="confirm", progress_version="0")
    assert answer.status_code == 403
    assert city.read(progress_rows.progress) == []


def table(answer: httpx.Response) -> list[dict[str, str]]:
    """Read an exported table."""
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_the_export_has_a_line_for_each_school_and_finding(desk: Desk) -> None:
    """The table tells all; no cell can be run as a formula."""
    rows = table(desk.get("/programme/survey.csv"))
    assert len(rows) == 3 * len(FINDINGS)
    half = next(row for row in rows if (row["school"], row["finding"]) == ("A1", "half_duplex"))
    assert (half["likelihood"], half["contradiction"], half["grade"]) == ("likely", "yes", "agent")
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row.values())


def test_commands(
    city: Store, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """show, decide, confirm and export do what the pages do."""
    at = ["--database", url]
    assert main(["survey", "show", *at]) == 0
    assert "contradiction  A1 half_duplex: likely" in capsys.readouterr().out
    assert main(["survey", "show", "A1", *at]) == 0
    assert "A half-duplex link: Likely" in capsys.readouterr().out
    assert main(["survey", "show", "NONE", *at]) == 2
    decide = ["finding", "decide", "B1", "loop", "confirmed", "--grade", "on_site"]
    assert main([*decide, "--evidence", " ", *at]) == 1
    assert "evidence" in capsys.readouterr().err
    seen = ["--evidence", "職員室のハブ", *at]
    assert main([*decide, *seen]) == 0
    assert main(["finding", "decide", "B1", "loop", "resolved", *seen]) == 0
    assert main(["finding", "decide", "B1", "lop", "resolved", *seen]) == 2
    assert main(["finding", "decide", "Z9", "loop", "resolved", *seen]) == 1
    assert main(["survey", "confirm", "A1", "B1", *at]) == 0
    states = {one.school_code: one.state for one in city.read(progress_rows.progress)}
    assert states == {"A1": State.IDENTIFIED, "B1": State.IDENTIFIED}
    loop = next(
        one
        for one in city.read(lambda sql: decision_rows.decisions(sql, "B1"))
        if one.finding_id == "loop"
    )
    assert loop.decision is Decision.RESOLVED
    for name in ("survey.csv", "survey.xlsx"):
        assert main(["survey", "export", str(tmp_path / name), *at]) == 0
        assert (tmp_path / name).stat().st_size > 1000
    assert main(["survey", "export", str(tmp_path / "survey.pdf"), *at]) == 2


def test_a_finding_added_to_a_copy_is_everywhere(
    city: Store, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Adding a finding is adding data: list, survey and export have it, no code knows it."""
    added = """
[finding.new_one]
name = ["新しい課題", "A new finding"]
explanation = ["説明", "explained"]
segment = "line"
owner = "board"
minimum_grade = "desk"
prevalence = 0.1
likeness = ["line.kind"]
measures = ["ipoe"]
if_true = "decisive"
if_false = "strong"
rule = { fact = "core_switch.duplex", is = "half" }
"""
    file = tmp_path / "findings.toml"
    file.write_bytes(default_findings().read_bytes() + added.encode())
    with_it = ["--findings", str(file)]
    assert main(["finding", "list", *with_it]) == 0
    assert "A new finding" in capsys.readouterr().out
    assert main(["survey", "show", "A1", "--database", url, *with_it]) == 0
    assert "A new finding: Likely" in capsys.readouterr().out
    out = tmp_path / "s.csv"
    assert main(["survey", "export", str(out), "--database", url, *with_it]) == 0
    assert out.read_text("utf-8-sig").count("new_one") == len(city.schools())


def test_a_catalogue_that_is_wrong_is_refused_by_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and the place, no traceback."""
    file = tmp_path / "findings.toml"
    file.write_bytes(default_findings().read_bytes().replace(b'owner = "board"', b'owner = "bord"'))
    assert main(["finding", "list", "--findings", str(file)]) == 2
    assert "(did you mean board?)" in capsys.readouterr().err


def test_facts_are_told_in_words() -> None:
    """A value of every kind and unit has words in both languages; one no longer listed its key."""
    facts = load_facts()
    for definition in facts.values():
        value: Value = "x"
        if definition.low is not None and definition.high is not None:
            value = min(definition.high, max(definition.low, 0.5))
        elif definition.choices:
            value = next(iter(definition.choices))
        elif definition.kind == "yes_no":
            value = True
        one = fact("A1", definition.key, value, Grade.DESK)
        for language in LANGUAGES:
            told = fact_text(words(language), facts, one)
            assert definition.names[language] in told
    gone = replace(fact("A1", "router.model", "R", Grade.DESK), key="gone.key")
    assert fact_text(words("en"), facts, gone) == "gone.key: R (Desk)"
