"""Adopting a sample: marks, history, audit, two people at once, the command and the page."""

import json
from pathlib import Path
from typing import Any

import pytest

from collector.cli import main
from collector.demo.city import schools as demo_schools
from collector.judge.bands import DEFAULT_BANDS
from collector.operators.audit import newest
from collector.programme.model import EditedMeanwhile
from collector.programme.sample import rows
from collector.programme.sample.adopt import Wanted, adopt
from collector.programme.sample.propose import propose
from collector.programme.sample.rows import Origin
from collector.programme.sample.strata import SampleRefused
from collector.store import create_store
from collector.store.interface import Store
from tests.collector.conftest import MONDAY

PROPOSED = [one.code for one in propose(demo_schools(), DEFAULT_BANDS, 9, 5)]


@pytest.fixture
def city(store: Store) -> Store:
    """The fictional city of 84, beside the two schools of every test."""
    store.import_schools(demo_schools())
    return store


def wanted(codes: Any, expected: int = 0, seed: int | None = None, note: str = "") -> Wanted:
    """A sample to adopt."""
    return Wanted(codes=codes, seed=seed, note=note, expected=expected)


def marked(store: Store) -> list[str]:
    """The schools with the mark."""
    return [one.code for one in store.schools() if one.sample]


def test_adopting_marks_exactly_these_schools(city: Store) -> None:
    """What was marked before is not; both samples stay in the history, audited."""
    assert adopt(city, DEFAULT_BANDS, wanted(PROPOSED, seed=5, note="会議"), "cli:x", MONDAY) == 1
    assert marked(city) == PROPOSED
    assert adopt(city, DEFAULT_BANDS, wanted(["E001", "J060"], 1), "cli:y", MONDAY) == 2
    assert marked(city) == ["E001", "J060"]
    found = city.read(lambda sql: rows.adopted(sql, 9))
    assert [(one.revision, one.origin, one.adopted_by) for one in found] == [
        (2, Origin.BY_HAND, "cli:y"),
        (1, Origin.PROPOSED, "cli:x"),
    ]
    assert found[1].codes == tuple(PROPOSED)
    assert found[1].document["note"] == "会議"
    assert dict(found[1].document["judged"]["missed"])[8] == 0.396569
    records = city.read(lambda sql: newest(sql, 9))
    assert [(one.action, one.subject) for one in records] == [
        ("sample.adopt", "revision 2"),
        ("sample.adopt", "revision 1"),
    ]


def test_a_seed_that_gives_other_schools_makes_no_proposal_of_a_list(city: Store) -> None:
    """Who changed a proposal picked by hand."""
    changed = sorted([*PROPOSED[1:], next(c for c in ("E001", "E002") if c not in PROPOSED)])
    adopt(city, DEFAULT_BANDS, wanted(changed, seed=5), "cli:x", MONDAY)
    found = city.read(rows.adopted)[0]
    assert (found.origin, found.document["seed"]) == (Origin.BY_HAND, None)


def test_the_second_of_two_who_adopt_is_told(city: Store) -> None:
    """Nothing of theirs is kept."""
    adopt(city, DEFAULT_BANDS, wanted(PROPOSED), "cli:x", MONDAY)
    with pytest.raises(EditedMeanwhile, match="the sample was changed"):
        adopt(city, DEFAULT_BANDS, wanted(["E001"]), "cli:y", MONDAY)
    with pytest.raises(SampleRefused, match="note"):
        adopt(city, DEFAULT_BANDS, wanted(["E001"], 1, note="a\nb"), "cli:y", MONDAY)
    assert marked(city) == PROPOSED


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A database of the fictional city."""
    url = f"sqlite:///{tmp_path}/city.db"
    store = create_store(url)
    store.import_schools(demo_schools())
    store.close()
    return url


def test_the_command_proposes_twice_the_same(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Same schools, same reasons, in words and as JSON."""

    def told(*arguments: str) -> str:
        assert main(["sample", *arguments, "--database", database]) == 0
        return capsys.readouterr().out

    first = told("propose", "--size", "9")
    assert told("propose", "--size", "9") == first
    assert "A fault present in 8 of 84 schools is missed by 9 drawn at random 39 %" in first
    assert "line guaranteed" not in first
    assert "Guaranteed" in first.split("Not in the sample at all")[1]
    japanese = told("propose", "--size", "9", "--language", "ja")
    assert "84 校中 8 校にある問題は、無作為に選んだ 9 校では 39 %" in japanese
    document = json.loads(told("propose", "--size", "9", "--seed", "5", "--json"))
    assert document["codes"] == PROPOSED
    assert sum(document["stands_for"].values()) == 84


def test_the_command_adopts_swaps_and_shows(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A list from a file; the effect of a swap; what cannot be is refused with 1 or 2."""
    file = tmp_path / "codes.txt"
    file.write_text("\n".join(PROPOSED), "utf-8")
    common = ["--database", database]
    assert main(["sample", "adopt", "--file", str(file), "--seed", "5", *common]) == 0
    capsys.readouterr()
    assert main(["sample", "show", *common]) == 0
    assert "revision 1 (proposed)" in capsys.readouterr().out
    out = PROPOSED[0]
    into = next(s.code for s in demo_schools() if s.line.value == "guaranteed")
    assert main(["sample", "swap", out, into, *common]) == 0
    told = capsys.readouterr().out
    assert "line Guaranteed: 0 → 1" in told
    assert "Distance from proportion in all: 2.5 →" in told
    assert main(["sample", "judge", "E001", "nowhere", *common]) == 1
    assert "found nowhere" in capsys.readouterr().err
    assert main(["sample", "judge", *common]) == 2
    assert main(["sample", "propose", "--size", "0", *common]) == 1


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_the_page_proposes_swaps_and_adopts(city: Store, serving: Any) -> None:
    """Viewers read; an operator adopts; the second of two is told by 409."""
    operator = serving.desk("operator")
    page = operator.get(f"/programme/sample?do=judge&codes={'+'.join(PROPOSED)}&lang=en")
    assert page.status_code == 200
    assert "40 % of the time" in page.text
    assert "Adopt this sample" in page.text
    assert marked(city) != PROPOSED
    fresh = operator.get("/programme/sample?do=propose&size=9&seed=5&lang=en").text
    assert 'name="seed" value="5"' in fresh
    sent = {"codes": " ".join(PROPOSED), "seed": "5", "version": "0", "note": "会議"}
    assert operator.send("/programme/sample", **sent).status_code == 303
    assert marked(city) == PROPOSED
    late = operator.send("/programme/sample", **sent | {"codes": "E001"})
    assert late.status_code == 409
    assert "Somebody else adopted a sample meanwhile (revision 1)" in late.text
    into = next(one.code for one in demo_schools() if one.code not in PROPOSED)
    swap = operator.get(f"/programme/sample?do=swap&out={PROPOSED[0]}&into={into}&lang=en")
    assert f"{into} instead of {PROPOSED[0]}" in swap.text
    wrong = operator.get("/programme/sample?do=swap&out=nowhere&into=E001")
    assert wrong.status_code == 422
    viewer = serving.desk("viewer")
    assert "do_adopt" not in viewer.get("/programme/sample").text
    refused = viewer.get("/programme/sample?do=propose&size=9&seed=5&lang=en")
    assert (refused.status_code, "needs the role operator" in refused.text) == (422, True)
    judged = viewer.get("/programme/sample?do=judge&codes=E001+E002&lang=en")
    assert "2 of 86 schools" in judged.text
