"""A table of required speeds is refused with file, key, what was found and what is allowed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import resources
from collector.judge.criteria_file import parse_criteria
from collector.judge.reading import ConfigRefused

GOOD = resources.default_criteria().read_text(encoding="utf-8")
ROW_2 = "pupils = 120\nmbps = 216"


def refusal(text: str) -> list[str]:
    """Give the mistakes of a table."""
    with pytest.raises(ConfigRefused) as caught:
        parse_criteria(text.encode(), "table.toml")
    return list(caught.value.mistakes)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'version = "2024-04"',
            "",
            "table.toml: table.version: found nothing, allowed is a text",
        ),
        (
            ROW_2,
            "pupil = 120\nmbps = 216",
            (
                "table.toml: row 2.pupil: found this key, allowed is one of date, mbps, pupils, "
                "source (did you mean pupils?)"
            ),
        ),
        (
            ROW_2,
            "pupils = 120.5\nmbps = 216",
            "table.toml: row 2.pupils: found 120.5, allowed is a whole number from 1 to 20000",
        ),
        (
            ROW_2,
            "pupils = 60\nmbps = 216",
            "table.toml: row 2.pupils: found 60, allowed is more than 60",
        ),
        (
            ROW_2,
            "pupils = 120\nmbps = 100",
            "table.toml: row 2.mbps: found 100, allowed is at least 108",
        ),
        (
            ROW_2,
            "pupils = 120\nmbps = nan",
            "table.toml: row 2.mbps: found NaN, allowed is a number above 0, at most 1,000,000",
        ),
        (
            'above_last_row_mbps_per_pupil = "last slope"',
            'above_last_row_mbps_per_pupil = "flat"',
            (
                "table.toml: table.above_last_row_mbps_per_pupil: found 'flat', allowed is "
                'a number above 0, at most 1,000,000, or "last slope"'
            ),
        ),
        (
            "last_pupils = 279",
            "last_pupils = 281",
            (
                "table.toml: uncertain 1: found 181 to 281 pupils, allowed is a range between two "
                "neighbouring rows that have a further row on each side"
            ),
        ),
        (
            "size_bands_up_to = [60, 120, 315, 560, 840]",
            "size_bands_up_to = [60, 60]",
            (
                "table.toml: table.size_bands_up_to: found [60, 60], allowed is ascending whole "
                "numbers from 1 to 20000, such as [60, 120, 315]"
            ),
        ),
    ],
)
def test_each_mistake_is_named(old: str, new: str, message: str) -> None:
    """One slip in an edited table gives its exact message."""
    assert old in GOOD
    assert message in refusal(GOOD.replace(old, new, 1))


def test_all_mistakes_come_at_once() -> None:
    """A table with three mistakes is refused once, naming all three."""
    bad = GOOD.replace('version = "2024-04"', "", 1).replace("mbps = 108", 'mbps = "108"', 1)
    bad = bad.replace("date = 2024-04-24", 'date = "April"', 1)
    assert [line.split(": ")[1] for line in refusal(bad)] == [
        "table.version",
        "row 1.mbps",
        "row 1.date",
    ]


def test_a_table_needs_two_rows() -> None:
    """A table without rows is refused, not divided by zero."""
    text = GOOD[: GOOD.index("[[row]]")]
    assert "table.toml: row: found 0 rows, allowed is at least two [[row]] tables" in refusal(text)


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_never_crashes(raw: bytes) -> None:
    """Whatever the bytes, the only exception is ConfigRefused."""
    with pytest.raises(ConfigRefused):
        parse_criteria(raw, "table.toml")


@given(st.integers(0, len(GOOD) - 1), st.characters())
def test_one_changed_character_is_read_or_refused(place: int, char: str) -> None:
    """A table with one wrong character is a table or refused with the file's name."""
    try:
        table = parse_criteria(
            (GOOD[:place] + char + GOOD[place + 1 :]).encode("utf-8", "replace"), "table.toml"
        )
    except ConfigRefused as refused:
        lines = refused.mistakes
    else:
        lines = ("table.toml: ",)
        assert table.requirement(300).required_bps > 0
    assert lines
    assert all(line.startswith("table.toml: ") for line in lines)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the collector's command line."""
    return subprocess.run(
        [sys.executable, "-m", "collector.cli", "criteria", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_show_gives_bits_per_second_as_json() -> None:
    """``criteria show --json`` gives the three keys others rely on, in bit/s."""
    done = command("show", "--pupils", "213", "--json")
    shown = json.loads(done.stdout)
    assert done.returncode == 0
    assert shown["required_bps"] == 351_050_000
    assert shown["upper_bps"] == 381_200_000
    assert shown["outside_table"] is False
    assert [row["pupils"] for row in shown["rows_used"]] == [180, 280]


def test_show_speaks_to_people() -> None:
    """Without --json it names speed, unit, doubt and the rows with their source."""
    text = command("show", "--pupils", "1500").stdout
    assert "1500 pupils: 869.1 Mbit/s download" in text
    assert "outside the table: 0.351 Mbit/s for each pupil above 1400" in text
    assert "row: 1400 pupils 834 Mbit/s, https://reseed.resemom.jp/" in text


def test_an_edited_table_is_used(tmp_path: Path) -> None:
    """--criteria FILE replaces the packaged table; check says that it is in order."""
    edited = tmp_path / "mine.toml"
    edited.write_text(
        GOOD.replace("mbps = 108", "mbps = 110", 1).replace('"2024-04"', '"mine-1"', 1),
        encoding="utf-8",
    )
    shown = json.loads(
        command("show", "--pupils", "60", "--json", "--criteria", str(edited)).stdout
    )
    assert (shown["required_bps"], shown["table_version"]) == (110_000_000, "mine-1")
    checked = command("check", str(edited))
    assert checked.returncode == 0
    assert "ok: 当面の推奨帯域 mine-1, 9 rows" in checked.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "--pupils", "0"), "--pupils: found 0, allowed is 1 to 20000"),
        (("check", "/no/such/table.toml"), "cannot be read (No such file or directory)"),
    ],
)
def test_bad_arguments_end_with_2(arguments: tuple[str, ...], message: str) -> None:
    """What cannot be used ends with exit code 2 and says why, without a traceback."""
    done = command(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
