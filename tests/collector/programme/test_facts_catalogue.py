"""The list of facts: the packaged one is whole; a wrong one is refused with all its mistakes."""

from pathlib import Path

import pytest

from collector.judge.reading import ConfigRefused
from collector.pages.i18n import LANGUAGES as PAGES
from collector.programme.facts_catalogue import (
    FactKind,
    Section,
    default_facts,
    load_facts,
    parse_facts,
)
from collector.programme.words import LANGUAGES

GOOD = """
version = "1"
[fact."line.contract_bps"]
name = ["契約速度", "Contracted speed"]
kind = "number"
unit = "bps"
range = [1, 100]
segment = "line"
section = "line"
"""
CHOICE = """
[fact."core_switch.duplex"]
name = ["複信", "Duplex"]
kind = "choice"
segment = "core_switch"
section = "wiring"
choices = { full = ["全", "full"], half = ["半", "half"] }
"""
REFUSED = {
    "kind": (
        GOOD.replace('"number"', '"numbr"'),
        (
            "facts.toml: fact.line.contract_bps.kind: found 'numbr', allowed is one of number, "
            "yes_no, choice, text (did you mean number?)"
        ),
    ),
    "segment": (
        GOOD.replace('segment = "line"', 'segment = "lime"'),
        "fact.line.contract_bps.segment: found 'lime', allowed is one of device, access_point",
    ),
    "unknown key": (
        GOOD + "rnage = [1, 2]\n",
        (
            "fact.line.contract_bps.rnage: found this key, allowed is one of choices, kind, "
            "measured, name, range, section, segment, unit (did you mean range?)"
        ),
    ),
    "range backwards": (
        GOOD.replace("[1, 100]", "[100, 1]"),
        "fact.line.contract_bps.range: found [100, 1], allowed is the least and the greatest",
    ),
    "no unit": (
        GOOD.replace('unit = "bps"\n', ""),
        "fact.line.contract_bps.unit: found nothing, allowed is one of bps, seconds",
    ),
    "one language": (
        GOOD.replace('["契約速度", "Contracted speed"]', '["契約速度"]'),
        'fact.line.contract_bps.name: found ["契約速度"], allowed is Japanese and English',
    ),
    "form of the key": (
        GOOD.replace('"line.contract_bps"', '"Line"'),
        "fact.Line: found 'Line', allowed is segment.thing_unit",
    ),
    "one choice": (
        GOOD + CHOICE.replace(', half = ["半", "half"]', ""),
        "fact.core_switch.duplex.choices: found",
    ),
    "choice with a unit": (
        GOOD + CHOICE + 'unit = "bps"\n',
        "fact.core_switch.duplex.unit: found 'bps', allowed is nothing: only numbers have it",
    ),
    "measured by nothing": (
        GOOD.replace('section = "line"', 'section = "measured"'),
        "fact.line.contract_bps.measured: found nothing, allowed is a text: its section says",
    ),
    "empty": ('version = "1"\n', "fact: found 0, allowed is 1 to 500 facts"),
    "not TOML": ("fact = [", "facts.toml: not TOML"),
}


def test_the_packaged_list_is_whole() -> None:
    """Every fact has both names, its segment and, where it is a number, a unit and a range."""
    facts = load_facts()
    assert LANGUAGES == PAGES
    assert len(facts) > 60
    for one in facts.values():
        assert set(one.names) == set(LANGUAGES)
        assert (one.unit is not None) == (one.kind is FactKind.NUMBER)
        assert bool(one.choices) == (one.kind is FactKind.CHOICE)
    assert {one.section for one in facts.values()} == set(Section)
    assert parse_facts(default_facts().read_bytes(), "x") == facts


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_list_is_refused(name: str) -> None:
    """Each refusal names file, key, what was found and what is allowed."""
    text, message = REFUSED[name]
    with pytest.raises(ConfigRefused) as refused:
        parse_facts(text.encode(), "facts.toml")
    assert message in str(refused.value)


def test_all_mistakes_are_told_at_once() -> None:
    """One round of editing mends a file."""
    text = GOOD.replace('"bps"', '"bits"').replace('segment = "line"', 'segment = "x"')
    with pytest.raises(ConfigRefused) as refused:
        parse_facts(text.encode(), "facts.toml")
    assert len(refused.value.mistakes) == 2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is a refusal, no traceback."""
    with pytest.raises(ConfigRefused, match="cannot be read"):
        load_facts(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("line.contract_bps", 1e9, [-1, True, "1e9", float("nan"), float("inf"), 10**400, None]),
        ("core_switch.duplex", "half", ["HALF", 1, "", None]),
        ("line.shared", False, [0, "no", None]),
        ("router.model", " R-1 ", ["", "  ", "a\nb", "x" * 201, 3]),
    ],
)
def test_values_are_checked_by_kind(key: str, good: object, bad: list[object]) -> None:
    """A value of the wrong kind or out of its range is refused with what is allowed."""
    definition = load_facts()[key]
    assert definition.check(good) == (good.strip() if isinstance(good, str) else good)
    for one in bad:
        with pytest.raises(ValueError, match=rf"{key}: found .*, allowed is "):
            definition.check(one)
