"""docs/judging.md says what the judge does."""

import re
from pathlib import Path

from collector import resources
from collector.judge.criteria_file import load_criteria
from collector.judge.model import Reason

DOCUMENT = Path(__file__).parents[2].joinpath("docs", "judging.md").read_text(encoding="utf-8")


def test_every_reason_is_explained() -> None:
    """The table of reasons has each reason of the vocabulary once and no other."""
    table = DOCUMENT[DOCUMENT.index("| reason | meaning |") :]
    rows = re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE)
    assert sorted(rows) == sorted(reason.value for reason in Reason)


def test_the_table_of_speeds_is_the_packaged_one() -> None:
    """The rows in the document are those the program uses."""
    pupils, mbps = (
        [int(number) for number in re.findall(r"\d+", line)]
        for line in DOCUMENT.splitlines()
        if line.startswith(("| pupils |", "| Mbit/s |"))
    )
    criteria = load_criteria(resources.default_criteria())
    assert dict(zip(pupils, mbps, strict=True)) == {row.pupils: row.mbps for row in criteria.rows}


def test_the_widest_doubt_is_where_it_says() -> None:
    """The widest interval of the requirement is 30 Mbit/s at 213 pupils."""
    criteria = load_criteria(resources.default_criteria())
    gaps_bps = {
        pupils: (found := criteria.requirement(pupils)).upper_bps - found.required_bps
        for pupils in range(1, 1401)
    }
    widest = max(gaps_bps, key=gaps_bps.__getitem__)
    assert f"widest at {widest} pupils" in DOCUMENT
    assert round(gaps_bps[widest] / 1e6) == 30
