"""A small policy for tests, and one thing in it changed."""

import copy
from typing import Any

POLICY: dict[str, Any] = {
    "format": 1,
    "timetable": {
        "lesson": [{"days": "mon-fri", "from": "08:55", "to": "09:30"}],
        "quiet": [
            {"days": "mon-fri", "from": "06:00", "to": "08:00"},
            {"days": "mon-fri", "from": "16:45", "to": "19:00"},
        ],
    },
    "tests": [
        {
            "probe": "throughput",
            "target": "responder.example:4443",
            "options": {"seconds": 5},
            "runs": {"lesson": 1, "quiet": 2},
        },
        {"probe": "latency", "target": "responder.example", "runs": {"quiet": 10}},
    ],
    "blackouts": [{"first": "2027-04-15", "from": "08:30", "to": "12:30", "reason": "exam"}],
}


def changed(place: str, value: Any) -> dict[str, Any]:
    """The policy with the value at ``place`` (dots between keys and indices) set."""
    document = copy.deepcopy(POLICY)
    *way, last = place.split(".")
    inner: Any = document
    for step in way:
        inner = inner[int(step)] if isinstance(inner, list) else inner[step]
    if isinstance(inner, list):
        inner[int(last)] = value
    else:
        inner[last] = value
    return document
