"""Causes in words: every sentence that a rule can say exists in both languages and fits."""

import ast
import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import collector.causes
from collector.causes.model import Cause, Causes, Certainty, Observed, Strength
from collector.causes.path import Stretch
from collector.cli import main
from collector.pages.causes_view import causes_part
from collector.pages.i18n import LANGUAGES, table, words
from collector.programme.findings_catalogue import load_findings
from collector.programme.measures_catalogue import load_measures

FOLDER = Path(collector.causes.__file__).parent
FINDINGS = load_findings()


def _calls(name: str) -> Iterator[ast.Call]:
    for file in sorted(FOLDER.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == name:
                yield node


def _texts(node: ast.expr) -> list[str]:
    return [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)
            and isinstance(one.value, str)]  # fmt: skip


def _said() -> dict[str, set[str]]:
    """Keys of sentences with the figures that rules give them, read from their code."""
    found: dict[str, set[str]] = {f"located_{one}": set() for one in Stretch}
    for call in _calls("observed"):
        figures = {word.arg for word in call.keywords if word.arg}
        for key in _texts(call.args[0]):
            if key != "located_":
                found.setdefault(key, set()).update(figures)
    return found


def test_every_sentence_is_in_the_texts() -> None:
    """In both languages, and it asks for no figure that the rule does not give."""
    open_ended = {"segments_vanish", "packets_vanish", "somebody_else_answers",
                  "new_connections_fail"}  # fmt: skip
    said = _said()
    assert len(said) > 40
    for key, figures in said.items():
        if key in {"segments_vanish", "packets_vanish"}:
            continue  # named by an argument; below
        for text in table()[f"cause_evidence.{key}"]:
            asked = set(re.findall(r"{(\w+)}", text))
            assert asked <= figures or key in open_ended, key
    written = {key.partition(".")[2] for key in table() if key.startswith("cause_evidence.")}
    assert written - set(said) <= open_ended


def test_every_strength_has_its_words() -> None:
    """Those and no others."""
    written = {key for key in table() if key.startswith("causes.strength_")}
    assert written == {f"causes.strength_{one}" for one in Strength}


def test_everything_to_confirm_is_in_the_texts() -> None:
    """A key without words would fail the page."""
    keys = set()
    for call in (*_calls("Candidate"), *_calls("_of")):
        for word in call.keywords:
            if word.arg == "confirm":
                keys.update(_texts(word.value))
    assert len(keys) > 15
    for key in keys - {"pppoe_congested"}:
        assert f"cause_confirm.{key}" in table(), key


def _a_cause(**changes: Any) -> Cause:
    given: dict[str, Any] = {
        "finding_id": "half_duplex",
        "segment": "core_switch",
        "place": "core-sw <b>1</b>\x1b[31m\u202e",
        "owner": "integrator",
        "certainty": Certainty.NAMED,
        "strength": Strength.TOLD,
        "confidence": 0.91,
        "confidence_count": 40,
        "observed": (
            Observed(
                what="port_has_errors",
                figures={"port": "sw \x1b[2J1", "error_ratio": 0.0004},
                speaks_for=True,
                result_ids=("0b5e9a77-6a3f-4d5a-9f5d-0f4a55aa0001",),
            ),
        ),
        "confirm": ("look_at_port",),
        "measures": ("duplex_fix",),
        "last_seen": date(2026, 5, 18),
        "explains": ("port_errors",),
    }
    return Cause(**given | changes)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_cause_is_told_in_full(language: str) -> None:
    """Name, whose job, how sure, evidence with its result, what would confirm, measures."""
    causes = Causes(causes=[_a_cause()], looked_at={"half_duplex": True, "loop": False})
    part = causes_part(words(language), FINDINGS, load_measures(), causes)
    (card,) = part.cards
    assert card.name == FINDINGS["half_duplex"].names[language]
    assert "91" in card.sure
    assert "40" in card.sure
    assert "0.04 %" in card.evidence[0].text
    assert card.evidence[0].result_ids == ("0b5e9a77-6a3f-4d5a-9f5d-0f4a55aa0001",)
    assert FINDINGS["loop"].names[language] in part.not_told
    assert FINDINGS["port_errors"].names[language] in card.explains
    assert all((card.owner, card.segment, card.confirm, card.measures))
    for text in (card.place, card.evidence[0].text):
        assert text.isprintable(), "a device's own name steers no terminal"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_past_cause_says_so(language: str) -> None:
    """When it was last seen, and that the latest days have none of it."""
    text = words(language)
    present = _a_cause()
    past = _a_cause(certainty=Certainty.PAST)
    causes = Causes(causes=[present, past], looked_at={})
    cards = causes_part(text, FINDINGS, load_measures(), causes).cards
    assert [one.certainty for one in cards] == ["named", "past"]
    over = text("causes.not_seen_lately", days=7)
    assert over not in cards[0].last_seen
    assert over in cards[1].last_seen
    assert all("18" in one.last_seen for one in cards)
    unknown = Causes(causes=[_a_cause(last_seen=None)], looked_at={})
    assert causes_part(text, FINDINGS, load_measures(), unknown).cards[0].last_seen == ""


def test_an_assumed_confidence_says_so() -> None:
    """No share is shown where nothing was counted."""
    part = causes_part(
        words("en"),
        FINDINGS,
        load_measures(),
        Causes(causes=[_a_cause(confidence_count=0)], looked_at={}),
    )
    assert "91" not in part.cards[0].sure
    assert "not yet counted" in part.cards[0].sure


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For one school or all, as text and JSON; a code that nobody has is refused."""
    database = f"sqlite:///{tmp_path}/h.db"
    schools = tmp_path / "schools.csv"
    schools.write_text(
        "code,name,kind,region,pupils,line,contracted_mbps,sample,latitude,longitude,"
        "aggregation_group\nE1,第一小学校,elementary,north,300,best_effort_ipoe,1000,,,,\n"
    )
    assert main(["migrate", "--database", database]) == 0
    assert main(["school", "import", str(schools), "--database", database]) == 0
    capsys.readouterr()
    assert main(["cause", "list", "E1", "--database", database]) == 0
    told = capsys.readouterr().out
    assert "No cause was found" in told
    assert "Cannot be told" in told
    assert main(["cause", "list", "--all", "--json", "--database", database]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["school"] == "E1"
    assert json.loads(line)["looked_at"]["loop"] is False
    assert main(["cause", "list", "E9", "--database", database]) == 2
    assert "E9" in capsys.readouterr().err
    assert main(["cause", "list", "E1", "--all", "--database", database]) == 2
