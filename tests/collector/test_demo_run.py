"""``hakaru-collector demo`` as people run it: real processes, a real measurement, no orphan."""

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

COMMAND = [sys.executable, "-m", "collector.cli", "demo"]


def _descendants(*places: Path | str) -> list[str]:
    """Command lines of live processes that name one of the places, as argument or setting."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                settings = (entry / "environ").read_bytes().decode("utf-8", "replace")
            except OSError:
                continue
            named = any(str(place) in line + settings for place in places)
            if named and "collector.cli demo" not in line:
                found.append(line)
    return found


def _started(arguments: list[str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as output:
        return subprocess.Popen([*COMMAND, *arguments], stdout=output, stderr=subprocess.STDOUT)


def _ended(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [*COMMAND, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def _wait_for(log: Path, pattern: str, process: "subprocess.Popen[bytes]") -> re.Match[str]:
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        if match := re.search(pattern, log.read_text("utf-8")):
            return match
        assert process.poll() is None, log.read_text("utf-8")
        time.sleep(0.1)
    raise AssertionError(log.read_text("utf-8"))


@pytest.mark.timeout(240)
def test_once_ends_with_zero_and_says_it_all(tmp_path: Path) -> None:
    """--once prints address, baseline, count, size bands and a real measurement; port moves on."""
    folder = tmp_path / "once"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = _ended("--once", "--listen", f"127.0.0.1:{port}", "--directory", str(folder))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    text = ended.stdout
    assert f"port {port} is taken: using" in text
    assert re.search(r"Address\s+http://127\.0\.0\.1:\d+/", text)
    assert "5/84 (6.0 %)" in text
    assert "outside lessons 12/84 (14.3 %) met, 54 not met, 18 undetermined" in text
    assert re.search(r"^\s*<=60\s+10\s+3\s", text, re.MULTILINE)
    real = re.search(r"download ([\d,.]+) Mbit/s +upload ([\d,.]+) Mbit/s", text)
    assert real is not None
    assert all(float(number.replace(",", "")) > 1 for number in real.groups())
    assert _descendants(folder) == []


@pytest.mark.timeout(240)
def test_it_serves_on_postgresql_until_ctrl_c(tmp_path: Path, new_database: Any) -> None:
    """The same figures, the real result on the page; a signal ends all processes, exit code 0.

    A second time the database is not empty, and is left as it is.
    """
    folder, log, database = tmp_path / "serving", tmp_path / "demo.log", new_database()
    arguments = ["--listen", "127.0.0.1:0", "--database", database]
    process = _started([*arguments, "--directory", str(folder)], log)
    try:
        url = _wait_for(log, r"serving (http://\S+) until", process)[1]
        page = httpx.get(url, trust_env=False, timeout=30).text
        assert "実際の測定" in page
        assert "模擬データ" in page
        assert len(_descendants(folder, database)) >= 2
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, log.read_text("utf-8")
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
    assert "outside lessons 12/84 (14.3 %) met, 54 not met, 18 undetermined" in log.read_text()
    assert not (folder / "demo.db").exists()
    assert _descendants(folder, database) == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
    again = _ended(*arguments, "--once", "--directory", str(tmp_path / "second"))
    assert again.returncode == 1
    assert "holds schools already: name an empty one" in again.stdout


@pytest.mark.timeout(240)
def test_a_signal_while_setting_up_leaves_nothing(tmp_path: Path) -> None:
    """SIGTERM in the middle of the real measurement: no orphan, and --once does not say 0."""
    folder, log = tmp_path / "early", tmp_path / "demo.log"
    arguments = ["--once", "--listen", "127.0.0.1:0", "--directory", str(folder)]
    process = _started(arguments, log)
    try:
        _wait_for(log, r"a real agent of school", process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 1
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
    assert _descendants(folder) == []


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    """The demo empties only folders it made itself."""
    precious = tmp_path / "precious.txt"
    precious.write_text("mine", encoding="utf-8")
    ended = _ended("--once", "--directory", str(tmp_path))
    assert ended.returncode == 1
    assert "holds something else" in ended.stdout
    assert precious.read_text("utf-8") == "mine"
