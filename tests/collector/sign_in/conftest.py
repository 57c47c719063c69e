"""A collector with one administrator, and a browser that has not been there yet."""

from typing import Any

import httpx
import pytest

from collector.operators.administer import Administration
from collector.operators.model import Role
from tests.collector.sign_in.signing import PASSWORD, Hand


@pytest.fixture
def url(sqlite_url: str) -> str:
    """The statements are tried on both databases in test_operators.py."""
    return sqlite_url


@pytest.fixture
def clock() -> Hand:
    """A clock in the test's hand."""
    return Hand()


@pytest.fixture
def site(serve: Any, clock: Hand) -> Any:
    """A collector with the administrator ``aoi``."""
    serving = serve(clock=clock)
    Administration(serving.store, clock, keep_one=True).add(
        "cli:test", "aoi", Role.ADMINISTRATOR, PASSWORD, must_change=False
    )
    return serving


@pytest.fixture
def browser(site: Any) -> Any:
    """A browser with an empty jar."""
    with httpx.Client(base_url=site.base_url, timeout=60, trust_env=False) as client:
        yield client
