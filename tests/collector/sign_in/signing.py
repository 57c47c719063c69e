"""What tests of signing in share: a clock in the hand, forms filled, the audit log."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx

from collector.operators.audit import newest
from collector.store.interface import Store

START = datetime.fromisoformat("2026-05-18T00:00:00+00:00")
PASSWORD = "four words in a row"
OTHER = "five other words in a row"


@dataclass
class Hand:
    """A clock that goes when it is moved."""

    moment: datetime = START
    passed_seconds: float = field(default=0.0)

    def now(self) -> datetime:
        """Where it stands."""
        return self.moment + timedelta(seconds=self.passed_seconds)

    def monotonic_seconds(self) -> float:
        """Since the start."""
        return self.passed_seconds

    def move(self, **by: float) -> None:
        """Let time pass."""
        self.passed_seconds += timedelta(**by).total_seconds()


def token_in(page: httpx.Response) -> str:
    """The hidden field of a page's form."""
    found = re.search(r'name="csrf" value="([0-9a-f]{128})"', page.text)
    assert found, page.text
    return found[1]


def enter(
    browser: httpx.Client, password: str = PASSWORD, name: str = "aoi", **fields: str
) -> httpx.Response:
    """Load the form and send it."""
    token = token_in(browser.get("/sign-in"))
    given = {"csrf": token, "name": name, "password": password} | fields
    return browser.post("/sign-in", data=given)


def actions(store: Store) -> list[str]:
    """What the audit log says, oldest first."""
    return [record.action for record in store.read(lambda sql: newest(sql, 100))][::-1]
