"""Where what `status` shows is kept: in memory where there is such a folder, seldom on flash."""

import json
from pathlib import Path

import pytest

from agent.state import STATUS_FILE
from agent.status_file import KEEP_SECONDS, StatusFile, folder_in_memory, read
from tests.agent.spooling import FakeClock
from wire.measurement import Json


def told(number: int, state: str = "ok") -> dict[str, Json]:
    """What a life tells."""
    return {"number": number, "delivery": {"state": state}}


def number_in(folder: Path) -> int | None:
    """Which was written there last."""
    path = folder / STATUS_FILE
    return json.loads(path.read_text())["number"] if path.exists() else None


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """State and memory."""
    for name in ("state", "memory"):
        (tmp_path / name).mkdir()
    return tmp_path / "state", tmp_path / "memory"


def test_memory_has_each_and_flash_few(folders: tuple[Path, Path]) -> None:
    """The first, one an hour, each new state of delivery, and the last go to flash."""
    state, memory = folders
    clock = FakeClock()
    file = StatusFile(state, memory, clock)
    kept = []
    for number in range(121):  # two hours, one a minute
        file.write(told(number, "backing_off" if 30 <= number < 35 else "ok"))
        assert number_in(memory) == number
        if number_in(state) == number:
            kept.append(number)
        clock.forward(60)
    assert kept == [0, 30, 35, 95]
    assert kept[-1] - kept[-2] == KEEP_SECONDS / 60
    file.write(told(121), last=True)
    assert number_in(state) == number_in(memory) == 121


@pytest.mark.parametrize("given", [False, True])
def test_without_memory_flash_has_each(folders: tuple[Path, Path], given: bool) -> None:
    """An agent that no service manager gives a folder, or one it may not write."""
    state, memory = folders
    file = StatusFile(state, memory / "none" if given else None, FakeClock())
    for number in range(3):
        file.write(told(number))
        assert number_in(state) == number
    assert read(state, None)["number"] == 2


def test_a_folder_in_memory_that_goes_away_costs_no_copy(folders: tuple[Path, Path]) -> None:
    """The first and the last are on flash all the same."""
    state, memory = folders
    file = StatusFile(state, memory, FakeClock())
    memory.rmdir()
    for number, last, kept in ((1, False, 1), (2, False, 1), (3, True, 3)):
        with pytest.raises(FileNotFoundError):
            file.write(told(number), last=last)
        assert number_in(state) == kept


def test_memory_is_newer_and_flash_is_left_after_a_restart_of_the_machine(
    folders: tuple[Path, Path],
) -> None:
    """Whatever the clock said: what is in memory is of this boot."""
    state, memory = folders
    (state / STATUS_FILE).write_text(json.dumps(told(1)))
    assert read(state, memory) == told(1)
    (memory / STATUS_FILE).write_text(json.dumps(told(2)))
    assert read(state, memory) == told(2)
    (memory / STATUS_FILE).write_text("{")
    assert read(state, memory) == told(1)


def test_only_the_services_state_has_a_folder_in_memory(tmp_path: Path) -> None:
    """A second agent with its own state directory never writes there."""
    state, memory, other = (tmp_path / name for name in ("state", "memory", "other"))
    state.mkdir()
    other.mkdir()
    assert folder_in_memory(state, state, memory) is None, "the service does not run"
    memory.mkdir()
    assert folder_in_memory(state, state, memory) == memory
    assert folder_in_memory(other, state, memory) is None
