"""``plans list``, ``actual``, ``export``, ``import``: where the indicators stand."""

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any, Final

from collector.clock import SystemClock
from collector.commands.common import (
    FAILED,
    OK,
    BadArguments,
    add_calendar,
    add_criteria,
    add_database,
    calendars_of,
    criteria_of,
    open_store,
)
from collector.judge.week import local
from collector.operators.audit import cli_actor
from collector.programme.cells import csv_bytes, xlsx_bytes
from collector.programme.plans.actuals import (
    MAX_SOURCE_CHARACTERS,
    Actual,
    ActualStands,
    actuals,
    put_actuals,
)
from collector.programme.plans.adopted import adopted
from collector.programme.plans.exchange import (
    allowed_of,
    number_of,
    parse,
    sheet,
    value_text,
)
from collector.programme.plans.model import CityPlans, Indicator, Unit
from collector.programme.plans.read import tracked
from collector.programme.plans.relations import half_up, number_text
from collector.programme.plans.tracking import Standing, Tracked
from collector.schools.table import MAX_FILE_BYTES
from collector.shown import Shown
from collector.store.interface import Store

Actions = Any  # argparse has no public name for what add_subparsers gives
_DATABASE: Final = "--database sqlite:///hakaru.db"


def add_parsers(actions: Actions) -> None:
    """Add the four actions."""
    listing = _parser(actions, "list", "where every indicator stands", "--overdue")
    listing.add_argument("--overdue", action="store_true", help="only those that are overdue")
    listing.add_argument("--json", action="store_true", help="one JSON object")
    add_criteria(listing)
    add_calendar(listing)
    noting = _parser(
        actions,
        "actual",
        "note what an indicator was on a day",
        "affairs.without_fax 62.5 --source 'checklist of June'",
    )
    noting.add_argument("indicator", metavar="INDICATOR", help="its id, as plans list shows")
    noting.add_argument("value", metavar="VALUE", help="in its unit; yes or no for yes_no")
    noting.add_argument("--on", metavar="DAY", help="day, such as 2026-06-30; default: today")
    noting.add_argument("--source", required=True, metavar="TEXT", help="where it is from")
    noting.add_argument("--replace", action="store_true", help="replace the day's other value")
    exporting = _parser(
        actions, "export", "write all noted values as a table", "--output actuals.csv"
    )
    exporting.add_argument("--output", required=True, type=Path, metavar="FILE.csv|FILE.xlsx")
    exporting.add_argument("--language", choices=("ja", "en"), default="ja", help="of the names")
    importing = _parser(actions, "import", "read such a table (CSV or XLSX)", "actuals.csv")
    importing.add_argument(
        "file", metavar="FILE.csv|FILE.xlsx", type=Path, help="CSV: UTF-8 or CP932"
    )
    importing.add_argument("--replace", action="store_true", help="replace other values of a day")


def _parser(actions: Actions, name: str, summary: str, words: str) -> argparse.ArgumentParser:
    action: argparse.ArgumentParser = actions.add_parser(
        name, help=summary, description=summary.capitalize() + "."
    )
    action.epilog = f"Example: hakaru-collector plans {name} {words} {_DATABASE}"
    add_database(action)
    return action


def plans_of(store: Store) -> CityPlans:
    """Give the adopted plans. Raises BadArguments where there are none."""
    found = adopted(store)
    if found is None:
        raise BadArguments("no plans are adopted: hakaru-collector plans adopt FILE.toml")
    return found


def _list(options: argparse.Namespace) -> int:
    store = open_store(options)
    try:
        shown = Shown(store, SystemClock())
        found = tracked(
            store,
            plans_of(store),
            criteria_of(options),
            calendars_of(options),
            week=shown.week(),
            simulated=shown.simulated(),
            now=shown.now(),
        )
    finally:
        store.close()
    if options.overdue:
        found = [one for one in found if one.standing is Standing.OVERDUE]
    if options.json:
        print(json.dumps({"indicators": [_document(one) for one in found]}, ensure_ascii=False))
        return OK
    for one in found:
        print(_line(one))
    overdue = sum(one.standing is Standing.OVERDUE for one in found)
    reached = sum(one.standing is Standing.REACHED for one in found)
    print(f"{len(found)} indicators: {reached} reached, {overdue} overdue")
    return OK


def _line(one: Tracked) -> str:
    indicator = one.indicator
    value = "no value" if one.value is None else _number(indicator, one)
    due = "" if indicator.due_on is None else f" by {indicator.due_on}"
    late = f" ({one.days_overdue} days)" if one.days_overdue else ""
    target = _target(indicator)
    proposed = " (proposed)" if indicator.target_from.value == "proposed" else ""
    return (
        f"{indicator.indicator_id:26} {one.standing.value + late:20} {value} of {target}"
        f"{proposed}{due}  {indicator.name[0]}"
    )


def _number(indicator: Indicator, one: Tracked) -> str:
    assert one.value is not None
    if indicator.unit is Unit.YES_NO:
        return "yes" if one.value else "no"
    return number_text(half_up(one.value, 3))


def _target(indicator: Indicator) -> str:
    if indicator.unit is Unit.YES_NO:
        return "yes" if indicator.target else "no"
    return f"{number_text(indicator.target)} {indicator.unit.value}"


def _document(one: Tracked) -> dict[str, Any]:
    indicator, noted, computed = one.indicator, one.noted, one.computed
    return {
        "indicator": indicator.indicator_id,
        "plan": indicator.plan_id,
        "name": indicator.name[0],
        "unit": indicator.unit.value,
        "standing": one.standing.value,
        "value": None if one.value is None else float(one.value),
        "computed": one.by_collector,
        "missing": None if computed is None or computed.missing is None else computed.missing.value,
        "noted": None
        if noted is None
        else {
            "on": noted.observed_on.isoformat(),
            "value": noted.value,
            "source": noted.source,
            "by": noted.noted_by,
        },
        "target": float(indicator.target),
        "target_from": indicator.target_from.value,
        "due": None if indicator.due_on is None else indicator.due_on.isoformat(),
        "days_overdue": one.days_overdue,
    }


def _actual(options: argparse.Namespace) -> int:
    store = open_store(options)
    try:
        plans, now = plans_of(store), SystemClock().now()
        today = local(now).date()
        indicator = plans.indicators.get(options.indicator)
        if indicator is None:
            raise BadArguments(
                f"no indicator {options.indicator!r}: hakaru-collector plans list shows them"
            )
        value = number_of(indicator.unit, options.value)
        if value is None:
            raise BadArguments(f"found {options.value!r}, allowed is {allowed_of(indicator.unit)}")
        one = Actual(
            indicator_id=indicator.indicator_id,
            observed_on=_day(options.on, today),
            value=value,
            source=_source(options.source),
            noted_at=now,
            noted_by=cli_actor(),
        )
        changed = store.write(lambda sql: put_actuals(sql, [one], replace=options.replace))
    except ActualStands as stands:
        print(f"{stands} (--replace)", file=sys.stderr)
        return FAILED
    finally:
        store.close()
    told = value_text(indicator.unit, value)
    print(f"{one.indicator_id} {one.observed_on}: {told}{'' if changed else ', as it was'}")
    return OK


def _day(text: str | None, today: date) -> date:
    if text is None:
        return today
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day > today:
        raise BadArguments(f"--on: found {text!r}, allowed is a day up to today, such as {today}")
    return day


def _source(text: str) -> str:
    text = text.strip()
    if not 0 < len(text) <= MAX_SOURCE_CHARACTERS or not text.isprintable():
        raise BadArguments(
            f"--source: allowed is one line of 1 to {MAX_SOURCE_CHARACTERS} characters"
        )
    return text


def _export(options: argparse.Namespace) -> int:
    suffix = options.output.suffix.lower()
    if suffix not in (".csv", ".xlsx"):
        raise BadArguments(f"--output: found {suffix or 'no ending'!r}, allowed is .csv or .xlsx")
    store = open_store(options)
    try:
        table = sheet(plans_of(store), store.read(actuals), options.language)
    finally:
        store.close()
    write_file(options.output, csv_bytes(table) if suffix == ".csv" else xlsx_bytes([table]))
    print(f"{options.output}: {len(table.rows)} lines")
    return OK


def _import(options: argparse.Namespace) -> int:
    try:
        with options.file.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadArguments(f"{options.file}: cannot be read ({error.strerror})") from None
    store = open_store(options)
    try:
        now = SystemClock().now()
        found = parse(raw, str(options.file), plans_of(store), cli_actor(), now, local(now).date())
        changed = store.write(lambda sql: put_actuals(sql, found, replace=options.replace))
    except ActualStands as stands:
        print(f"{options.file}: {stands} (--replace)", file=sys.stderr)
        return FAILED
    finally:
        store.close()
    print(f"{len(found)} values read, {changed} new or changed")
    return OK


def write_file(path: Path, content: bytes) -> None:
    """Write a file. Raises BadArguments where it cannot be written."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise BadArguments(f"{path}: cannot be written ({error.strerror})") from None


ACTIONS: Final = {"list": _list, "actual": _actual, "export": _export, "import": _import}
