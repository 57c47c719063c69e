"""What people say of a network lies over what was measured; what is refused says why."""

from dataclasses import replace

import pytest

from collector.topology import edits as edit
from collector.topology.assemble import assemble
from collector.topology.edits import Edits
from collector.topology.model import Attached, End, How
from collector.topology.refusal import EditRefused
from tests.collector.topology.school import (
    CORE,
    FLOOR1,
    FLOOR2,
    of,
    with_lldp,
)


def named(**given: str) -> dict[str, str]:
    """Fields of a form."""
    return given


def test_edits_lie_over_every_new_measurement() -> None:
    """A dumb switch, a link, a name, a role; hidden ones are listed apart."""
    made = edit.set_device(Edits(), "hand:room", named(name="理科室", role="switch"))
    made = edit.set_link(
        made, End("hand:room"), End(of(FLOOR2), "p5"), named(speed_bps="100000000", note="cable 12")
    )
    made = edit.set_device(made, of(FLOOR1), named(name="1階", model="S8"))
    made = edit.set_device(made, f"seen:ap-1@{of(FLOOR1)}/p7", named(hidden="yes"))
    made = edit.set_link(made, End(of(CORE), "p3"), End(of(FLOOR2), "u1"), named(hidden="yes"))
    made = edit.set_place(made, "agent", End(of(CORE), "p9"))
    assert edit.from_document(edit.to_document(made)) == made
    found = assemble(with_lldp(), made)
    first = found.device(of(FLOOR1))
    assert first is not None
    assert (first.name, first.model, first.by_hand) == ("1階", "S8", ("model", "name"))
    room = next(link for link in found.links if "hand:room" in (link.a.device, link.b.device))
    assert (room.how, room.speed_bps, room.note) == ((How.HAND,), 100_000_000, "cable 12")
    assert not [link for link in found.links if link.joins(of(CORE), of(FLOOR2))]
    assert len(found.hidden_links) == len(found.hidden_devices) == 1
    assert not [link for link in found.links if "seen:ap-1" in link.a.device + link.b.device]
    assert found.agent == Attached(end=End(of(CORE), "p9"))
    gone = edit.drop_device(edit.drop_device(made, "hand:room"), of(FLOOR1))
    assert assemble(with_lldp(), gone).device("hand:room") is None
    assert len(gone.links) == 1


def test_an_edit_completes_a_link_and_takes_no_measured_figure_away() -> None:
    """A speed fills in only where no port tells."""
    told = [one for one in with_lldp() if one.target in (CORE, FLOOR1)]
    both = (End(of(CORE), "p2"), End(of(FLOOR1), "u1"))
    made = edit.set_link(Edits(), *both, named(speed_bps="10000000000", duplex="half"))
    link = next(one for one in assemble(told, made).links if one.joins(of(CORE), of(FLOOR1)))
    assert (link.speed_bps, link.duplex, link.by_hand) == (1_000_000_000, "full", ())
    assert link.how == (How.LLDP, How.HAND)
    bare = [replace(one, values={**one.values, "ports": []}) for one in told]
    link = next(one for one in assemble(bare, made).links if one.joins(of(CORE), of(FLOOR1)))
    assert (link.speed_bps, link.by_hand) == (10_000_000_000, ("speed", "duplex"))


@pytest.mark.parametrize(
    ("device", "given", "why"),
    [
        ("hand:Ä", {"name": "x"}, "letters a-z"),
        ("hand:", {"name": "x"}, "letters a-z"),
        ("hand:x", {}, "needs one"),
        ("else:x", {"name": "x"}, "list of devices"),
        ("hand:x", {"name": "a\x00b"}, "control characters"),
        ("hand:x", {"name": "a" * 101}, "at most 100"),
        ("hand:x", {"name": "x", "role": "fridge"}, "allowed is router"),
    ],
)
def test_edits_of_devices_that_are_refused(device: str, given: dict[str, str], why: str) -> None:
    """Saying what is allowed."""
    with pytest.raises(EditRefused, match=why):
        edit.set_device(Edits(), device, given)


@pytest.mark.parametrize(
    ("one", "other", "given", "why"),
    [
        (End("hand:x"), End("hand:x", "2"), {}, "two devices"),
        (End("hand:x"), End("hand:y"), {"speed_bps": "1e9"}, "whole bits"),
        (End("hand:x"), End("hand:y"), {"speed_bps": "0"}, "allowed is 1"),
        (End("hand:x"), End("hand:y"), {"duplex": "both"}, "full, half"),
        (End("hand:x", "\n\x1b"), End("hand:y"), {}, "port"),
    ],
)
def test_edits_of_links_that_are_refused(
    one: End, other: End, given: dict[str, str], why: str
) -> None:
    """Saying what is allowed."""
    with pytest.raises(EditRefused, match=why):
        edit.set_link(Edits(), one, other, given)


def test_edits_are_bounded() -> None:
    """In devices and links; what is not edited cannot be taken back."""
    made = Edits()
    for number in range(edit.MOST_DEVICES):
        made = edit.set_device(made, f"hand:d{number}", {"name": "x"})
    with pytest.raises(EditRefused, match="at most 300"):
        edit.set_device(made, "hand:more", {"name": "x"})
    with pytest.raises(EditRefused, match="nothing is edited"):
        edit.drop_device(Edits(), "hand:x")
    with pytest.raises(EditRefused, match="nothing is edited"):
        edit.drop_link(Edits(), End("hand:x"), End("hand:y"))
    with pytest.raises(EditRefused, match="agent or wan"):
        edit.set_place(Edits(), "north", None)
