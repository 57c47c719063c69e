"""Files of plans and of lessons: each mistake is named with what is allowed."""

import tomllib
from pathlib import Path

import pytest

from collector import resources
from collector.judge.reading import ConfigRefused
from collector.programme.plans.demand_file import load_lessons, parse_lessons
from collector.programme.plans.file import load_plans, parse_plans
from collector.programme.plans.model import Automatic

GOOD = """
[plans]
city = ["みほん市", "Mihon"]
source = "計画"
version = "1"
[[plan]]
id = "devices"
name = ["端末", "Devices"]
[[figure]]
id = "devices.pupils"
name = ["児童生徒数", "Pupils"]
value = 100
unit = "pupils"
passage = "p"
[[figure]]
id = "devices.ceiling"
name = ["上限", "Ceiling"]
value = 115
unit = "devices"
passage = "p"
[[relation]]
id = "ceiling"
left = "devices.ceiling"
is = "equals"
form = "product"
of = ["devices.pupils"]
factor = 1.15
why = ["上限", "ceiling"]
[[indicator]]
id = "devices.now"
name = ["いま", "Now"]
unit = "devices"
target = "devices.ceiling"
target_from = "plan"
due = 2026-03-31
due_from = "plan"
passage = "p"
"""
BAD = tomllib.loads(Path(__file__).with_name("bad_plans.toml").read_text(encoding="utf-8"))
LESSON = """
usual_concurrency = 0.4
[[lesson]]
id = "textbook"
name = ["教科書", "Textbook"]
down_mbps = 5.3
page_bytes = 2000000
within_seconds = 3
source = "s"
date = 2022-08-02
confirmed = true
"""


@pytest.mark.parametrize("case", BAD["plans"], ids=lambda one: one["message"][:60])
def test_a_mistake_is_named(case: dict[str, str]) -> None:
    """File, key, what was found and what is allowed."""
    assert case["old"] in GOOD
    with pytest.raises(ConfigRefused) as refused:
        parse_plans(GOOD.replace(case["old"], case["new"], 1).encode(), "f")
    assert case["message"] in refused.value.mistakes


def test_all_mistakes_come_at_once() -> None:
    """One round of editing mends a file."""
    bad = GOOD.replace("value = 100", "value = true").replace('unit = "devices"', 'unit = "x"')
    with pytest.raises(ConfigRefused) as refused:
        parse_plans(bad.encode(), "f")
    assert len(refused.value.mistakes) >= 3


def test_the_good_file_is_read() -> None:
    """Every mistake above is one change away from a file that is taken."""
    plans = parse_plans(GOOD.encode(), "f")
    assert plans.indicators["devices.now"].target == 115
    assert plans.indicators["devices.now"].target_figure == "devices.ceiling"


def test_packaged_plans_are_taken() -> None:
    """The city's plans and the template; every automatic indicator is in one of them."""
    folder = resources.configs_folder() / "plans"
    both = [load_plans(folder / name) for name in ("takasaki.toml", "template.toml")]
    used = {one.automatic for plans in both for one in plans.indicators.values()}
    assert used >= set(Automatic)
    assert {plan.plan_id for plan in both[0].plans} == {"devices", "network", "affairs", "usage"}
    assert all(both[0].of_plan(plan.plan_id) for plan in both[0].plans)


@pytest.mark.parametrize("case", BAD["lessons"], ids=lambda one: one["message"][:60])
def test_a_mistake_in_the_table_of_lessons_is_named(case: dict[str, str]) -> None:
    """The same of what lessons ask; a rate is what its bytes and seconds give."""
    assert case["old"] in LESSON
    with pytest.raises(ConfigRefused) as refused:
        parse_lessons(LESSON.replace(case["old"], case["new"], 1).encode(), "f")
    assert case["message"] in refused.value.mistakes


def test_the_packaged_lessons_have_the_published_rates() -> None:
    """Mbit/s for each device."""
    rates = {one.lesson_id: (float(one.down_mbps), one.up_mbps) for one in load_lessons().lessons}
    assert {name: down for name, (down, _) in rates.items()} == {
        "video_conference": 2.0,
        "nhk_for_school": 0.7,
        "youtube_480p": 1.1,
        "youtube_720p": 2.5,
        "youtube_1080p": 5.0,
        "digital_textbook": 5.3,
        "online_test": 0.5,
    }
    assert rates["online_test"][1] == pytest.approx(0.6)
