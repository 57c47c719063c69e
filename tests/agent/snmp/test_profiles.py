"""Profiles: every maker that is promised, matched as devices say who they are."""

import pytest

from agent.snmp.profiles import Figure, ProfilesRefused, figures, match, parse
from agent.snmp.values import Kind, Value, parse_oid
from tests.agent.snmp.asking import PROFILES

PROMISED = {
    "Yamaha", "NEC", "Allied Telesis", "Buffalo", "APRESIA Systems", "ALAXALA", "Fortinet", "Cisco",
    "HPE Aruba", "Fujitsu", "Panasonic", "Ruckus", "Ubiquiti", "Palo Alto Networks", "SonicWall",
    "Check Point",
}  # fmt: skip


def test_every_promised_maker_has_a_profile() -> None:
    """And every value says where its number is from."""
    assert {profile.vendor for profile in PROFILES} >= PROMISED
    assert all(entry.source for profile in PROFILES for entry in profile.entries)


@pytest.mark.parametrize(
    ("object_id", "description", "vendor"),
    [
        ("1.3.6.1.4.1.12356.101.1.644", "", "Fortinet"),
        ("1.3.6.1.4.1.1182.1.43", "RTX1210", "Yamaha"),
        ("1.3.6.1.4.1.119.1.84.18", "NEC Portable Internetwork Core", "NEC"),
        ("1.3.6.1.4.1.8072.3.2.10", "Linux host", "net-snmp"),
        ("1.3.6.1.4.1.8072.3.2.10", "UAP-AC-HD 3.9", "Ubiquiti"),
        ("1.0.3.0.6.0.1.0", "SonicWALL TZ 570", "SonicWall"),
        ("1.3.6.1.4.1.21839.1.2.6", "ALAXALA AX2430", "ALAXALA"),
        (None, "Meraki MR", "Cisco"),
        ("1.3.6.1.4.1.99999", "something", None),
        (None, None, None),
    ],
)
def test_matching(object_id: str | None, description: str | None, vendor: str | None) -> None:
    """By number, and by words where the number is somebody else's or none."""
    oid = None if object_id is None else parse_oid(object_id)
    found = match(PROFILES, oid, description)
    assert (None if found is None else found.vendor) == vendor


def profile(**value: object) -> dict[str, object]:
    """A file with one value."""
    whole = {"figure": "cpu_ratio", "oid": "1.3.6.1", "source": "a", "seen": "", **value}
    return {
        "profile": [
            {"name": "a", "vendor": "a", "role": "", "match": ["1.3.6"],
             "value": [{key: one for key, one in whole.items() if one is not None}]}
        ]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "read", "found"),
    [
        ({"scale": 0.01}, Value(Kind.INTEGER, 37), 0.37),
        ({"scale": 0.01}, Value(Kind.STRING, b"37 %"), 0.37),
        ({"scale": 0.01}, Value(Kind.INTEGER, 137), None),
        ({"scale": 0.01}, Value(Kind.INTEGER, -1), None),
        ({"scale": 0.01}, Value(Kind.STRING, b"n/a"), None),
        ({"scale": 0.01, "most": 100.0}, Value(Kind.GAUGE32, 101), None),
    ],
)
def test_a_figure_is_within_its_unit_or_absent(
    change: dict[str, object], read: Value, found: float | None
) -> None:
    """A processor that is busy 137 % or -1 % is not known."""
    one = parse(profile(**change), "a", "a.toml")[0]
    assert figures(one, {(1, 3, 6, 1): read}, {}).get(Figure.CPU_RATIO) == found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"figure": "cpu"}, "value\\[0\\].figure: found cpu"),
        ({"oid": None}, "one of oid and column"),
        ({"oid": "1.3.x"}, "a dotted OID"),
        ({"source": None}, "source: found nothing"),
        ({"combine": "median"}, "first max mean"),
    ],
)
def test_bad_profiles_are_refused(change: dict[str, object], message: str) -> None:
    """With file, place, what was found and what is allowed."""
    with pytest.raises(ProfilesRefused, match=f"a.toml: profile.*{message}"):
        parse(profile(**change), "a", "a.toml")
