"""The catalogue of measures and of subsidies: what is packaged, and what is refused how."""

from pathlib import Path

import pytest

from collector.judge.reading import ConfigRefused
from collector.programme.findings_catalogue import load_findings
from collector.programme.measures_catalogue import (
    EffectKind,
    load_measures,
    parse_measures,
)
from collector.programme.subsidies import best_subsidy, load_subsidies, parse_subsidies
from collector.resources import configs_folder

MEASURES = (configs_folder() / "programme" / "measures.toml").read_text("utf-8")
SUBSIDIES = (configs_folder() / "programme" / "subsidies.toml").read_text("utf-8")


def test_every_finding_has_a_measure_and_every_cost_a_source() -> None:
    """Nothing that is found is left without an answer; what is assumed is marked."""
    catalogue = load_measures()
    for finding, definition in load_findings().items():
        answers = {one.id for one in catalogue.answering(finding)}
        assert answers, finding
        assert set(definition.measures) <= answers, finding
    for one in catalogue.measures.values():
        assert one.assumption == ("https://" not in one.cost_source), one.id
        assert set(one.names) == {"ja", "en"}
        assert all(one.effect.basis.values())
    line = catalogue.measures["line_10g"]
    assert line.effect.kind is EffectKind.CEILING
    assert line.effect.ceiling_bps == 2.5e9


def test_a_limit_of_the_quiet_capacity_has_a_measure_that_lifts_it() -> None:
    """A measure of kind none may not be all that answers a finding which limits."""
    catalogue = load_measures()
    for finding in catalogue.model.limits_quiet:
        kinds = {one.effect.kind for one in catalogue.answering(finding)}
        assert kinds - {EffectKind.NONE}, finding


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('segment = "line"\n', 'segment = "lime"\n', "measure line_10g.segment: found 'lime'"),
        ('segment = "line"\n', 'segment = "lime"\n', "(did you mean line?)"),
        ("[20_680, 300_000]", "[300_000, 20_680]", "allowed is [low, high] in whole numbers"),
        ("lead_weeks = [8, 26]", "lead_week = [8, 26]", "(did you mean lead_weeks?)"),
        ("works_ratio = 0.95", "works_ratio = 1.2", "found 1.2, allowed is a number from 0 to 1"),
        ('kind = "ceiling"', 'kind = "roof"', "one of ceiling, factor, clears, none"),
        ("ceiling_mbps = 2500", "ceiling_mbps = -1", "allowed is a number above 0"),
        ('"line_saturated", "line_below', '"line_satured", "line_below', "mean line_saturated?"),
        ('id = "ipoe"', 'id = "line_10g"', "an id of its own (2 have this one)"),
        (
            'name = ["IPoE接続へ切替", "Connect by IPoE"]',
            'name = "IPoE"',
            "Japanese and English, such as",
        ),
        ("rest_mbps = 941", "rest_mbps = true", "model.rest_mbps: found true"),
    ],
)
def test_a_wrong_catalogue_is_refused_with_key_found_and_allowed(
    old: str, new: str, said: str
) -> None:
    """File, key, what was found, what is allowed, and the nearest word."""
    assert old in MEASURES
    with pytest.raises(ConfigRefused) as refused:
        parse_measures(MEASURES.replace(old, new, 1).encode(), "copy.toml", tuple(load_findings()))
    assert said in str(refused.value)
    assert str(refused.value).startswith("copy.toml: ")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rate_ratio = 0.5", "rate_ratio = 5", "subsidy example_half.rate_ratio: found 5"),
        ('"ipoe"', '"ipo"', "(did you mean ipoe?)"),
        ("[2027, 2028]", "[27]", "years from 2019 to 2100"),
        ("dated = 2026-06-01", 'dated = "June"', "a date without quotes"),
    ],
)
def test_a_wrong_subsidy_is_refused(old: str, new: str, said: str) -> None:
    """As a wrong measure is."""
    assert old in SUBSIDIES
    with pytest.raises(ConfigRefused) as refused:
        parse_subsidies(SUBSIDIES.replace(old, new).encode(), "s.toml", load_measures().measures)
    assert said in str(refused.value)


def test_what_a_subsidy_pays_keeps_its_rate_ceiling_years_and_measures() -> None:
    """Half, at most 500,000 yen a school, in its two years, for what it lists."""
    subsidy = load_subsidies(load_measures().measures)["example_half"]
    assert subsidy.example
    assert subsidy.pays_yen("line_10g", 2027, 160_000, 90_000) == 80_000
    assert subsidy.pays_yen("line_10g", 2028, 3_000_000, 0) == 500_000
    assert subsidy.pays_yen("line_10g", 2029, 160_000, 0) == 0
    assert subsidy.pays_yen("guaranteed_line", 2027, 160_000, 0) == 0
    assert best_subsidy([subsidy], "ipoe", 2027, 100_000, 0) == (subsidy, 50_000)
    assert best_subsidy([subsidy], "ipoe", 2030, 100_000, 0) == (None, 0)


def test_a_real_programme_of_unknown_rate_pays_nothing() -> None:
    """What is not known is not calculated with."""
    subsidy = load_subsidies(load_measures().measures)["mext_network_assessment"]
    assert not subsidy.example
    assert subsidy.rate_ratio is None
    assert subsidy.pays_yen("line_10g", 2027, 1_000_000, 0) == 0


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The path stands in the message."""
    with pytest.raises(ConfigRefused, match=r"none\.toml: cannot be read"):
        load_measures(tmp_path / "none.toml")
