"""Files of cause finding that are wrong are refused, with the words that the document has."""

import re
from pathlib import Path

import pytest

from collector import resources
from collector.causes.calibration import (
    FEWEST,
    Count,
    Group,
    default_calibration,
    parse_calibration,
)
from collector.causes.model import Strength
from collector.causes.rules_file import parse_rules
from collector.judge.reading import ConfigRefused
from collector.programme.findings_catalogue import load_findings

FINDINGS = load_findings()
DOCUMENT = (Path(__file__).parents[3] / "docs" / "causes-files.md").read_text()
RULES = (resources.configs_folder() / "causes" / "rules.toml").read_text()
CALIBRATION = """version = "1"
named_from = 0.5
[source]
network = "runs"
device_data = "runs"
[assumed]
told = 0.7
inferred = 0.5
pointed = 0.25
[count.network.loop.told]
right = 9
said = 10
[count.device_data.loop.told]
right = 30
said = 30
[count.network.dns_slow.told]
right = 4
said = 4
"""
LONG = 60
WRONG_RULES = {
    ("[number]\n", "[number\n"): 1,
    ("version =", "# version ="): 1,
    ("[number]\n", "[numbers]\n"): 2,
    ("fewest_runs = 3 ", "fewest_runs = 0 "): 1,
    ("fewest_runs = 3 ", "fewest_runs = 2.5 "): 1,
    ("fewest_runs = 3 ", "fewest_runs = 'three' "): 1,
    ("cloud_seconds = 0.8", "cloud_seconds = true"): 1,
    ("cloud_seconds = 0.8", "cloud_seconds = inf"): 1,
    ("\nsteady_ratio = 0.85 ", "\nsteady_ratio = 85 "): 1,
    ("fewest_runs = 3 ", "few_runs = 3 "): 2,
    ("[explains.loop]", "[explains.lop]"): 1,
    ('cloud_side = "same_hours"', 'cloud_sid = "same_hours"'): 1,
    ('dns_slow = "same_hours"', 'dns_slow = "sometimes"'): 1,
    ("[explains.loop]\n", '[explains.loop]\nloop = "always"\n'): 1,
    ("[explains.filter_slow]\n", '[explains.filter_slow]\nline_below_contract = "always"\n'): 1,
}
"""What is put in place of what, and how many mistakes that makes."""
WRONG_CALIBRATIONS = {
    ("named_from = 0.5", "named_from = 50"): 1,
    ("told = 0.7\n", ""): 1,
    ("told = 0.7\n", "told = 0.7\nguessed = 0.1\n"): 1,
    ('network = "runs"\n', ""): 1,
    ("[count.device_data", "[count.field"): 1,
    ("[count.network.loop", "[count.network.lop"): 1,
    ("[count.network.loop.told]", "[count.network.loop.sure]"): 1,
    ("said = 10\n", "said = 0\n"): 1,
    ("right = 9\n", "right = 11\n"): 1,
    ("right = 9\n", "right = 9\nrigth = 9\n"): 1,
}


def _mistakes(file: str, text: str) -> list[str]:
    parse = parse_rules if file == "rules.toml" else parse_calibration
    with pytest.raises(ConfigRefused) as refused:
        parse(text.encode(), file, FINDINGS)
    return [one.removeprefix(f"{file}: ") for one in refused.value.mistakes]


def _short(mistake: str) -> str:
    """As the document has it: long lists of what is allowed are left out."""
    listed = re.search(r"allowed is one of (.*?)(?= \(|$)", mistake)
    if listed is None or len(listed[1]) <= LONG:
        return mistake
    return mistake.replace(listed[1], "…")


def _documented(file: str) -> set[str]:
    table = DOCUMENT.split(f"| in {file} |")[1].split("\n\n")[0]
    return set(re.findall(r"\| `([^\n]*)` \|", table))


@pytest.mark.parametrize(
    ("file", "sound", "wrong"),
    [
        ("rules.toml", RULES, WRONG_RULES),
        ("calibration.toml", CALIBRATION, WRONG_CALIBRATIONS),
    ],
)
def test_every_mistake_is_told_as_documented(
    file: str, sound: str, wrong: dict[tuple[str, str], int]
) -> None:
    """Each with file, key, what was found and what is allowed; the document has no other."""
    told = set()
    for (good, bad), count in wrong.items():
        assert good in sound, good
        mistakes = _mistakes(file, sound.replace(good, bad, 1))
        assert len(mistakes) == count, mistakes
        told |= {_short(one) for one in mistakes}
    assert told == _documented(file)


def test_all_mistakes_are_told_at_once() -> None:
    """One round of editing mends a file."""
    text = CALIBRATION.replace("told = 0.7\n", "").replace("right = 9\n", "right = -1\n")
    assert len(_mistakes("calibration.toml", text)) == 2


def test_groups_are_counted_apart_and_taken_together() -> None:
    """The confidence is the lower end of Wilson's interval of all; of few it is assumed."""
    made = parse_calibration(CALIBRATION.encode(), "calibration.toml", FINDINGS)
    assert made.counts["loop", Strength.TOLD] == {
        Group.NETWORK: Count(9, 10),
        Group.DEVICE_DATA: Count(30, 30),
    }
    assert made.count("loop", Strength.TOLD) == 40
    # 39 of 40: Wilson, 95 %: 0.871 to 0.996
    assert made.confidence("loop", Strength.TOLD) == pytest.approx(0.871, abs=0.001)
    assert made.counted("dns_slow", Strength.TOLD).said < FEWEST
    assert made.count("dns_slow", Strength.TOLD) == 0
    assert made.confidence("dns_slow", Strength.TOLD) == made.assumed[Strength.TOLD]


def test_what_the_packaged_counts_say() -> None:
    """Both groups are named with their runs; what was counted often enough is sure enough to name.

    A kind of answer that is wrong more often than right would become a suspicion everywhere.
    """
    known = default_calibration()
    assert all("seed" in known.source[group] for group in Group)
    often = [key for key in known.counts if known.count(*key)]
    assert {finding_id for finding_id, _ in often} >= {"dns_slow", "half_duplex", "loop"}
    for key in often:
        whole = known.counted(*key)
        assert known.named_from <= known.confidence(*key) < whole.right / whole.said
    rare = [key for key in known.counts if not known.count(*key)]
    assert all(known.confidence(*key) == known.assumed[key[1]] for key in rare)
