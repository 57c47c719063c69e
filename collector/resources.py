"""Where the data files that come with the program are found."""

from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).resolve().parent


def configs_folder() -> Path:
    """Give the folder of packaged data files.

    In the wheel it is ``collector/configs``; in a checkout it stands beside the packages.
    Raises FileNotFoundError when neither is there (a broken installation).
    """
    for folder in (_HERE / "configs", _HERE.parent / "configs"):
        if (folder / "criteria").is_dir():
            return folder
    raise FileNotFoundError(
        f"no configs folder in {_HERE} or {_HERE.parent}: the installation is incomplete, "
        "install hakaru again"
    )


def default_criteria() -> Path:
    """Give the required-speed table used where no other is named."""
    return configs_folder() / "criteria" / "recommended-2024-04.toml"


def default_calendar() -> Path:
    """Give the calendar used where no other is named."""
    return configs_folder() / "calendar" / "default.toml"
