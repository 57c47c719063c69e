"""The fictional city: exact totals, a realistic spread, the committed files, and no real place."""

from collections import Counter

from collector import resources
from collector.demo import city
from collector.judge.bands import DEFAULT_BANDS, band_of
from collector.schools.csv_import import parse_baseline, parse_schools
from collector.schools.model import Kind

FOLDER = resources.configs_folder() / "demo"
SCHOOLS = city.schools()


def test_totals() -> None:
    """84 schools, 26,627 pupils, 9 sample schools, unique names and codes, all kinds."""
    assert len(SCHOOLS) == 84
    assert sum(school.pupils for school in SCHOOLS) == 26_627
    assert sum(school.sample for school in SCHOOLS) == 9
    assert len({school.name for school in SCHOOLS}) == 84
    assert len({school.code for school in SCHOOLS}) == 84
    kinds = Counter(school.kind for school in SCHOOLS)
    assert kinds == {Kind.ELEMENTARY: 54, Kind.JUNIOR_HIGH: 28, Kind.SPECIAL_NEEDS: 2}


def test_spread() -> None:
    """Every size band and region has schools, from a few dozen pupils to over 1,000."""
    sizes = [school.pupils for school in SCHOOLS]
    assert min(sizes) < 40
    assert max(sizes) > 1_000
    assert {band_of(size, DEFAULT_BANDS) for size in sizes} == set(DEFAULT_BANDS)
    assert {school.region for school in SCHOOLS} == set(city.REGIONS)
    assert len({school.line for school in SCHOOLS}) >= 4


def test_samples_differ() -> None:
    """Sample schools come from at least five regions and four size bands."""
    samples = [school for school in SCHOOLS if school.sample]
    assert len({school.region for school in samples}) >= 5
    assert len({band_of(school.pupils, DEFAULT_BANDS) for school in samples}) >= 4


def test_baseline() -> None:
    """5 of 84 met the survey."""
    entries = city.baseline(SCHOOLS)
    assert len(entries) == 84
    assert sum(entry.met for entry in entries) == 5


def test_it_lies_in_the_open_sea() -> None:
    """Coordinates are in the Pacific, hundreds of kilometres from any school."""
    for school in SCHOOLS:
        assert school.latitude is not None
        assert school.longitude is not None
        assert 29.9 < school.latitude < 30.6
        assert 149.9 < school.longitude < 150.6


def test_committed_files_are_what_the_generator_makes() -> None:
    """configs/demo has not drifted: run ``python -m collector.demo.city configs/demo``."""
    assert (FOLDER / "schools.csv").read_text("utf-8") == city.schools_csv(SCHOOLS)
    baseline = city.baseline_csv(city.baseline(SCHOOLS))
    assert (FOLDER / "baseline.csv").read_text("utf-8") == baseline


def test_the_products_own_import_reads_them() -> None:
    """The importer gives back the very schools and entries that were generated."""
    raw = (FOLDER / "schools.csv").read_bytes()
    assert tuple(parse_schools(raw, "schools.csv")) == SCHOOLS
    codes = frozenset(school.code for school in SCHOOLS)
    entries = parse_baseline((FOLDER / "baseline.csv").read_bytes(), "baseline.csv", codes)
    assert tuple(entries) == city.baseline(SCHOOLS)
