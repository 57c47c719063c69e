"""Every route says who may call it; one that does not stops the start."""

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.staticfiles import StaticFiles

import collector.pages
from collector import resources
from collector.api.gate import Plan
from collector.api.policy_of_routes import ROUTES, Caller, UndeclaredRoute, routes_of
from collector.app import create_app
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.store.interface import Store


@pytest.fixture
def url(sqlite_url: str) -> str:
    """The database does not matter here."""
    return sqlite_url


def _app(store: Store) -> FastAPI:
    return create_app(
        store,
        load_criteria(resources.default_criteria()),
        load_calendars(resources.default_calendar()),
    )


def test_every_route_declares_its_caller_and_every_line_is_a_route(store: Store) -> None:
    """The table and the application's routes are the same set."""
    found = {f"{method} {path}" for method, path, _ in routes_of(_app(store).routes)}
    assert found - set(ROUTES) == set(), "declare these in collector/api/policy_of_routes.py"
    assert set(ROUTES) - found == set(), "these lines have no route"


def test_the_collector_does_not_start_with_a_route_that_declares_no_caller(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the route and the place to declare it."""
    lacking = {line: caller for line, caller in ROUTES.items() if line != "GET /v1/time"}
    monkeypatch.setattr("collector.api.policy_of_routes.ROUTES", lacking)
    with pytest.raises(UndeclaredRoute, match=r"GET /v1/time .*policy_of_routes\.py"):
        _app(store)


def _plain(app: FastAPI) -> None:
    app.add_route("/new", lambda _request: None, methods=["POST"])


def _nested(app: FastAPI) -> None:
    inner, outer = APIRouter(prefix="/inner"), APIRouter(prefix="/outer")
    inner.add_api_route("/new", lambda: None, methods=["DELETE"])
    outer.include_router(inner)
    app.include_router(outer)


def _mounted(app: FastAPI) -> None:
    app.mount("/new", StaticFiles(directory=Path(__file__).parent))


@pytest.mark.parametrize("add", [_plain, _nested, _mounted])
def test_no_way_of_adding_a_route_goes_past_the_declaration(add: Any) -> None:
    """Plain routes, routers in routers and mounts are all seen."""
    app = FastAPI(openapi_url=None)
    add(app)
    with pytest.raises(UndeclaredRoute):
        Plan().declare(app.routes)


def test_a_route_added_after_the_start_is_not_reached(serve: Any) -> None:
    """The gate lets through only what was declared: 404, though the router would answer."""
    serving = serve()
    serving.app.add_route("/late", lambda _request: None, methods=["GET"])
    assert serving.client.get("/late").status_code == 404


def test_a_wrong_method_is_told_the_right_ones(serving: Any) -> None:
    """405 with Allow, from the gate."""
    reply = serving.client.delete("/v1/measurements")
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


def test_the_kinds_of_callers_are_all_in_use_or_reserved() -> None:
    """No line holds anything but a kind of caller."""
    assert all(isinstance(caller, Caller) for caller in ROUTES.values())


def test_every_form_that_changes_something_carries_the_token_of_its_session() -> None:
    """The gate refuses it otherwise: here the template that lacks it is named."""
    templates = Path(collector.pages.__file__).parent / "templates"
    forms = [
        (file.name, form)
        for file in templates.glob("*.html")
        for form in re.findall(
            r'<form[^>]*method="post".*?</form>', file.read_text("utf-8"), re.DOTALL
        )
    ]
    assert len(forms) >= 6
    assert [name for name, form in forms if 'name="csrf"' not in form] == []
