"""A policy file that a person wrote: TOML or JSON, to the document that is kept."""

import datetime as dt
import json
import tomllib
from pathlib import Path
from typing import Any

from wire.measurement import Json
from wire.policy import FORMAT, MAX_POLICY_BYTES, PolicyRefused, canonical, parse


def read_file(path: Path) -> dict[str, Json]:
    """Read a file. Raises :class:`PolicyRefused`, OSError."""
    with path.open("rb") as file:
        return read_bytes(file.read(MAX_POLICY_BYTES + 1), path.name)


def read_bytes(raw: bytes, name: str) -> dict[str, Json]:
    """Read what a file called ``name`` holds: JSON where it ends so, TOML else."""
    if len(raw) > MAX_POLICY_BYTES:
        raise PolicyRefused([f"{name}: larger than {MAX_POLICY_BYTES} bytes"])
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PolicyRefused([f"{name}: byte {error.start} is not UTF-8"]) from None
    if name.endswith(".json"):
        return parse(text)
    try:
        given = tomllib.loads(text)
        plain = json.loads(json.dumps(given, default=_day, allow_nan=False))
    except tomllib.TOMLDecodeError as error:
        raise PolicyRefused([f"{name}: not TOML: {error}"]) from None
    except RecursionError:
        raise PolicyRefused([f"{name}: too deeply nested"]) from None
    except (ValueError, TypeError) as error:  # NaN, a time of day, a date there is not
        raise PolicyRefused([f"{name}: {error}"]) from None
    return parse(canonical({"format": FORMAT, **plain}))


def _day(value: Any) -> str:  # noqa: ANN401 - whatever TOML has and JSON has not
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value.isoformat()
    raise TypeError(f"found {value}, allowed are days 2026-07-21 and times of day in quotes")
