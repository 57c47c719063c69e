"""The strip of tabs on every page of the programme: what there is, in the order of the work."""

from typing import Final

from collector.api.policy_of_routes import ROUTES

TABS: Final = (
    ("overview", "/programme"),
    ("sample", "/programme/sample"),
    ("survey", "/programme/survey"),
    ("findings", "/programme/findings"),
    ("measures", "/programme/measures"),
    ("what_if", "/programme/what-if"),
    ("plan", "/programme/plan"),
    ("indicators", "/programme/indicators"),
    ("reports", "/reports"),
    ("spreadsheets", "/programme/spreadsheets"),
)
"""Name (``programme_tab.NAME`` is its word) and address."""


def tabs() -> list[tuple[str, str]]:
    """Give the tabs that have a page. A template sets ``tab`` to its own name, then includes."""
    return [(name, path) for name, path in TABS if f"GET {path}" in ROUTES]
