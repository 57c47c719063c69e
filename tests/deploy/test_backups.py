"""The back-up service: when a copy is due, what is removed, and a real copy of a real database."""

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.store import create_store
from deploy import backups

DAY = timedelta(days=1)
NOW = datetime(2026, 5, 11, 2, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "seconds"),
    [
        (None, 0.0),
        (NOW - timedelta(hours=1), 23 * 3600.0),
        (NOW - DAY, 0.0),
        (NOW - 3 * DAY, 0.0),
        (NOW + DAY, 0.0),
    ],
)
def test_a_copy_is_due_when_the_newest_is_old_enough(last: datetime | None, seconds: float) -> None:
    """One dated in the future (a clock that was wrong) does not put copying off."""
    assert backups.wait_seconds(last, NOW, DAY) == seconds


def test_only_the_oldest_copies_of_ours_are_removed() -> None:
    """Nothing that people put there, nothing that is being made."""
    names = [
        "2026-05-10T023000Z", "2026-05-08T023000Z", "2026-05-09T023000Z", "before-upgrade",
        "2026-05-11T023000Z.partial", "2026-13-40T023000Z", "lost+found",
    ]  # fmt: skip
    assert backups.superfluous(names, 2) == ["2026-05-08T023000Z"]
    assert backups.superfluous(names, 3) == []


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (None, "there is no copy yet"),
        (NOW - DAY, None),
        (NOW - 1.4 * DAY, None),
        (
            NOW - 2 * DAY,
            "the newest copy is of 2026-05-09 02:30 UTC: see the log of the back-ups",
        ),
    ],
)
def test_a_missing_copy_makes_the_service_unhealthy(last: datetime | None, said: str) -> None:
    """Half a pause late is told."""
    assert backups.too_old(last, NOW, DAY) == said


def test_copies_of_a_real_database_come_and_go(tmp_path: Path) -> None:
    """Each is whole and verified; the third removes the first; a cut-off one is cleared away."""
    create_store(f"sqlite:///{tmp_path}/hakaru.db").close()
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "2026-05-08T023000Z.partial").mkdir()
    program = tmp_path / "hakaru-collector"
    program.write_text(
        f'#!/bin/sh\nexec {sys.executable} -m collector.cli "$@" '
        f"--database sqlite:///{tmp_path}/hakaru.db\n"
    )
    program.chmod(0o755)
    for days in range(3):
        assert backups.copy(str(program), folder, 2, NOW + days * DAY)
    assert sorted(path.name for path in folder.iterdir()) == [
        "2026-05-12T023000Z",
        "2026-05-13T023000Z",
    ]
    manifest = json.loads((folder / "2026-05-13T023000Z" / "manifest.json").read_text())
    assert manifest["kind"] == "sqlite"


def test_a_failed_copy_removes_nothing(tmp_path: Path) -> None:
    """Old copies are all there is then."""
    for day in range(1, 4):
        (tmp_path / f"2026-05-0{day}T023000Z").mkdir()
    assert not backups.copy("false", tmp_path, 1, NOW)
    assert len(list(tmp_path.iterdir())) == 3


def test_the_service_ends_at_once_when_told(tmp_path: Path) -> None:
    """SIGTERM ends the pause between two copies: exit code 0."""
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\nmkdir "$2"\n')
    program.chmod(0o755)
    folder = tmp_path / "backups"
    folder.mkdir()
    process = subprocess.Popen(
        [
            *(sys.executable, backups.__file__, "--folder", str(folder)),
            *("--program", str(program), "--hours", "1"),
        ],
    )
    ends = time.monotonic() + 30
    while not list(folder.iterdir()) and time.monotonic() < ends:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert len(list(folder.iterdir())) == 1


def test_a_program_that_only_says_it_copied_is_not_believed(tmp_path: Path) -> None:
    """No folder, no copy."""
    assert not backups.copy("true", tmp_path, 1, NOW)
