"""Options of a probe: defaults from one table, refusals that say what may be given."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.measurement import Json
from wire.options import Option, OptionRefused, resolve

OPTIONS = {
    "count": Option(type=int, default=20, minimum=1, maximum=1000),
    "interval_seconds": Option(type=float, default=0.2, minimum=0.1),
    "ceiling_seconds": Option(type=float, default=None, maximum=9),
    "family": Option(type=str, default="auto", choices=("auto", "4", "6")),
    "note": Option(type=str, default=""),
    "quiet": Option(type=bool, default=False),
}
NAMES = "ceiling_seconds count family interval_seconds note quiet"


def test_what_is_not_given_has_its_default() -> None:
    """Every option of the table comes back, in its order."""
    assert resolve(OPTIONS, {}) == {name: option.default for name, option in OPTIONS.items()}


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ({"count": 1}, "count", 1),
        ({"count": 1000}, "count", 1000),
        ({"interval_seconds": 1}, "interval_seconds", 1.0),
        ({"ceiling_seconds": None}, "ceiling_seconds", None),
        ({"family": "6"}, "family", "6"),
        ({"quiet": True}, "quiet", True),
    ],
)
def test_what_is_given_and_allowed_is_taken(
    given: dict[str, Json], name: str, value: object
) -> None:
    """Bounds are inclusive; a whole number does for a number and becomes one."""
    resolved = resolve(OPTIONS, given)[name]
    assert (resolved, type(resolved)) == (value, type(value))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"cuont": 3},
            f"option cuont: found an unknown name, allowed is one of {NAMES}; did you mean count?",
        ),
        ({"zzz": 3}, f"option zzz: found an unknown name, allowed is one of {NAMES}"),
        ({"count": 0}, "option count: found 0, allowed is a whole number from 1 to 1000"),
        ({"count": 1001}, "option count: found 1001, allowed is a whole number from 1 to 1000"),
        ({"count": 2.0}, "option count: found 2.0, allowed is a whole number from 1 to 1000"),
        ({"count": True}, "option count: found True, allowed is a whole number from 1 to 1000"),
        ({"count": "5"}, "option count: found 5, allowed is a whole number from 1 to 1000"),
        ({"count": None}, "option count: found None, allowed is a whole number from 1 to 1000"),
        (
            {"interval_seconds": 0.09},
            "option interval_seconds: found 0.09, allowed is a number of at least 0.1",
        ),
        (
            {"interval_seconds": math.nan},
            "option interval_seconds: found nan, allowed is a number of at least 0.1",
        ),
        (
            {"interval_seconds": math.inf},
            "option interval_seconds: found inf, allowed is a number of at least 0.1",
        ),
        (
            {"interval_seconds": 10**400},
            "option interval_seconds: found a huge number, allowed is a number of at least 0.1",
        ),
        (
            {"ceiling_seconds": 9.5},
            "option ceiling_seconds: found 9.5, allowed is a number of at most 9",
        ),
        ({"family": "5"}, "option family: found 5, allowed is one of auto 4 6"),
        ({"family": 4}, "option family: found 4, allowed is one of auto 4 6"),
        ({"note": ["x"]}, "option note: found ['x'], allowed is text"),
        ({"quiet": 1}, "option quiet: found 1, allowed is true or false"),
    ],
)
def test_each_mistake_has_its_message(given: dict[str, Json], message: str) -> None:
    """Name, what was found, what is allowed, and the nearest name where one is near."""
    with pytest.raises(OptionRefused) as refusal:
        resolve(OPTIONS, given)
    assert str(refusal.value) == message


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=4,
)


@given(st.sampled_from([*OPTIONS, "", "\x00"]), json_values)
def test_any_value_is_taken_or_refused(name: str, value: Json) -> None:
    """A pushed policy may hold anything: no other exception, and the message can be shown."""
    try:
        resolve(OPTIONS, {name: value})
    except OptionRefused as refusal:
        shown = str(refusal)
        assert shown.isprintable()


def test_a_table_without_options_says_so() -> None:
    """There is no list to choose from, and the message does not pretend one."""
    with pytest.raises(OptionRefused, match="allowed is no option"):
        resolve({}, {"a": 1})
