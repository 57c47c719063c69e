"""Write the dashboards' JSON files, or say which are not as they would be written."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from deploy.dashboards.boards import BOARDS
from deploy.dashboards.build import text
from deploy.dashboards.words import LANGUAGES

FOLDER: Final = Path(__file__).parents[2] / "dashboards"


def files() -> Mapping[str, str]:
    """Text by path below the folder, ``ja/city.json``."""
    return {
        f"{language}/{board.key}.json": text(board, language)
        for language in LANGUAGES
        for board in BOARDS
    }


def stale(folder: Path) -> list[str]:
    """Files that differ, are missing, or belong to no dashboard."""
    wanted = files()
    there = {str(path.relative_to(folder)) for path in folder.glob("*/*.json")}
    differing = {
        name
        for name, content in wanted.items()
        if name not in there or (folder / name).read_text("utf-8") != content
    }
    return sorted(differing | (there - set(wanted)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Give the exit code: 1 where a file is not as it would be written."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.dashboards",
        description=__doc__,
        epilog="example: python -m deploy.dashboards --check",
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="default: dashboards/")
    told = parser.parse_args(arguments)
    if told.check:
        wrong = stale(told.folder)
        for name in wrong:
            print(f"{name}: run python -m deploy.dashboards", file=sys.stderr)
        return 1 if wrong else 0
    for name, content in files().items():
        path = told.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    print(f"{len(files())} files in {told.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
