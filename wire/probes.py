"""The probes as both sides know them: form of the target, options, load. Made from the probes.

``probes.json`` beside this file is written by ``python -m agent.catalogue`` from the probes
themselves, and a test holds the two equal. So the collector refuses a policy for the same reasons
as the agent, without a line of the agent's code. An agent of an older release has the probes of
its own release: what it does not know it refuses and reports.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from wire.options import Option

FILE: Final = Path(__file__).with_name("probes.json")
_TYPES: Final = {"int": int, "float": float, "str": str, "bool": bool}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeForm:
    """What may be asked of one probe."""

    target: str
    """Form of its target; see :mod:`wire.target_forms`."""
    heavy: bool
    """Loads the line: never two at once, within the byte budget."""
    one_way: bool
    """Only downloads."""
    options: Mapping[str, Option]


def to_json(forms: Mapping[str, ProbeForm]) -> str:
    """Write the catalogue."""
    whole = {
        name: {
            "target": form.target,
            "heavy": form.heavy,
            "one_way": form.one_way,
            "options": {key: _option_out(option) for key, option in form.options.items()},
        }
        for name, form in forms.items()
    }
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def read(text: str) -> dict[str, ProbeForm]:
    """Read what :func:`to_json` wrote."""
    return {
        name: ProbeForm(
            target=form["target"],
            heavy=form["heavy"],
            one_way=form["one_way"],
            options={key: _option_in(option) for key, option in form["options"].items()},
        )
        for name, form in json.loads(text).items()
    }


def _option_out(option: Option) -> dict[str, Any]:
    given = {field.name: getattr(option, field.name) for field in fields(option)}
    given["type"] = option.type.__name__
    given["choices"] = list(option.choices)
    return {key: value for key, value in given.items() if value not in (None, "", [])}


def _option_in(given: Mapping[str, Any]) -> Option:
    whole = {"default": None, **given, "type": _TYPES[given["type"]]}
    return Option(**{**whole, "choices": tuple(given.get("choices", ()))})


PROBES: Final[Mapping[str, ProbeForm]] = read(FILE.read_text(encoding="utf-8"))
"""By name, in the order of the registry."""
