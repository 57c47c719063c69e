"""Where the fonts of the report are: BIZ UD Gothic, made to be read easily (OFL 1.1).

No other font stands in for it: a name that one font lacks would be printed as an empty box.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

FILES: Final = (
    *("BIZUDPGothic-Regular.ttf", "BIZUDPGothic-Bold.ttf"),
    *("BIZUDGothic-Regular.ttf", "BIZUDGothic-Bold.ttf"),
)
PACKAGE: Final = "fonts-morisawa-bizud-gothic"
USUAL: Final = (
    Path("/usr/share/fonts/truetype/bizud-gothic"),
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path("~/.local/share/fonts"),
    Path("~/.fonts"),
)


class FontsMissing(Exception):
    """The fonts are nowhere; the text says what to do."""


def fonts_folder(given: Path | None = None, usual: Sequence[Path] = USUAL) -> Path:
    """Find the folder that holds all of :data:`FILES`. Raises :class:`FontsMissing`."""
    for folder in usual if given is None else (given,):
        for found in sorted(folder.expanduser().rglob(FILES[0])):
            if all((found.parent / name).is_file() for name in FILES):
                return found.parent
    looked = ", ".join(str(folder) for folder in usual) if given is None else str(given)
    raise FontsMissing(
        f"the BIZ UD Gothic fonts ({', '.join(FILES)}) are in none of: {looked}. On Debian and "
        f"Ubuntu: apt-get install {PACKAGE}; elsewhere put these files into a folder and name it "
        "with --fonts DIR"
    )
