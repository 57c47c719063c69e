"""What the documents promise exists: commands, options, make targets, links."""

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.ja.md")
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    if path.name != "CHANGELOG.md"
)
MODULES = {"hakaru-agent": "agent.cli", "hakaru-collector": "collector.cli"}
FENCE = re.compile(r"```sh\n(.*?)```", re.DOTALL)
ANCHOR = re.compile(r"\]\(([^)#:]*)#([^)]+)\)")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)[^)]*\)")


def commands(document: str) -> Iterator[list[str]]:
    """Every line of a shell block, as words without its comment."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for block in FENCE.findall(text.replace("\\\n", " ")):
        for line in block.splitlines():
            words = line.split("#")[0].split()
            if words and words[0] in (*MODULES, "make"):
                yield words


OURS = sorted({tuple(words) for document in DOCUMENTS for words in commands(document)})


@cache
def help_of(program: str, *steps: str) -> str:
    """What ``--help`` prints; empty where there is no such command. Here, not in a new process."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        try:
            code = import_module(MODULES[program]).main([*steps, "--help"])
        except SystemExit as end:
            code = end.code
    return printed.getvalue() if code == 0 else ""


@pytest.mark.parametrize("words", OURS, ids=" ".join)
def test_every_command_in_the_documents_exists(words: tuple[str, ...]) -> None:
    """The command has help, and its help names every option the document uses."""
    if words[0] == "make":
        wanted = [word for word in words[1:] if "=" not in word]
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(wanted) <= set(targets)
        return
    steps = [word for word in words[1:4] if re.fullmatch(r"[a-z][a-z0-9_-]*", word)]
    text = next(filter(None, (help_of(words[0], *steps[:size]) for size in (3, 2, 1))), "")
    assert "Example" in text, f"{' '.join(steps)} has no help with an example"
    options = {word.split("=")[0] for word in words if word.startswith("--")}
    assert {option for option in options if option not in text} == set()


def test_the_readmes_name_the_two_commands() -> None:
    """A newcomer finds how to try it and how to check it, in both languages."""
    for readme in READMES:
        found = {" ".join(words) for words in commands(readme)}
        assert {"make demo", "make test"} <= found


def test_the_readme_can_be_followed_at_the_centre(tmp_path: Path) -> None:
    """Import, baseline and code run as written, from a checkout, and end with a code."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    ran = None
    for words in commands("README.md"):
        if words[0] == "hakaru-collector" and words[1] == "school":
            ran = subprocess.run(
                [sys.executable, "-m", "collector.cli", *words[1:]],
                cwd=tmp_path,
                env={**os.environ, "HAKARU_DATABASE": "sqlite:///city.db"},
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
    assert ran is not None
    assert re.fullmatch(r"([A-Z0-9]{4}-){2}[A-Z0-9]{4}", ran.stdout.strip().splitlines()[-1])


def test_both_readmes_show_the_same_commands() -> None:
    """What one language shows, the other shows."""
    english, japanese = ([" ".join(words) for words in commands(name)] for name in READMES)
    assert english == japanese


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_between_documents_lead_somewhere(document: str) -> None:
    """No link to a file that is not there."""
    path = ROOT / document
    missing = [
        target
        for target in LINK.findall(path.read_text(encoding="utf-8"))
        if not (path.parent / target.strip()).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_to_a_section_lead_to_its_heading(document: str) -> None:
    """No anchor without its heading, which whoever follows it would land above."""
    path = ROOT / document
    missing = []
    for target, anchor in ANCHOR.findall(path.read_text(encoding="utf-8")):
        there = (path.parent / target) if target else path
        heads = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
        if anchor not in {slug(head) for head in heads}:
            missing.append(f"{target}#{anchor}")
    assert missing == []


def slug(head: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", head.strip().lower()).replace(" ", "-")
