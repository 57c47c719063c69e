"""The rule of neighbours: a reader of format N reads N and N-1, nothing else."""

import pytest

from wire.version import SCHEMA_VERSION, accepted_versions, why_refused


@pytest.mark.parametrize(
    ("current", "accepted"), [(0, (0,)), (1, (0, 1)), (2, (1, 2)), (9, (8, 9))]
)
def test_a_reader_takes_its_own_format_and_the_one_before(
    current: int, accepted: tuple[int, ...]
) -> None:
    """N-1 and N, oldest first; the first format has no neighbour."""
    assert accepted_versions(current) == accepted
    assert all(why_refused(version, current) is None for version in accepted)


@pytest.mark.parametrize(
    ("version", "current", "advice"),
    [
        (2, 1, "0 and 1: upgrade the collector"),
        (99, 1, "0 and 1: upgrade the collector"),
        (0, 2, "1 and 2: upgrade the agent"),
    ],
)
def test_a_refusal_says_which_side_to_upgrade(version: int, current: int, advice: str) -> None:
    """A newer record asks for a newer collector, an older one for a newer agent."""
    assert why_refused(version, current) == advice


def test_the_current_format_is_read() -> None:
    """What this release writes, it reads."""
    assert why_refused(SCHEMA_VERSION) is None
