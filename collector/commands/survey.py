"""``hakaru-collector survey``: measured facts, the desk survey, confirming schools, the table."""

import argparse
import sys
from pathlib import Path
from typing import Final

from collector.clock import SystemClock
from collector.commands.actions import Actions, on_store
from collector.commands.common import (
    FAILED,
    OK,
    BadArguments,
    add_calendar,
    add_criteria,
    calendars_of,
    criteria_of,
    reporting,
)
from collector.operators.audit import cli_actor
from collector.pages import survey_view
from collector.pages.i18n import LANGUAGES, words
from collector.programme.cells import csv_bytes, xlsx_bytes
from collector.programme.facts_catalogue import load_facts
from collector.programme.findings_catalogue import load_findings
from collector.programme.judgement import Likelihood
from collector.programme.measured_refresh import refresh
from collector.programme.model import EditedMeanwhile
from collector.programme.survey_change import Author, DecisionRefused, confirm_school
from collector.programme.survey_state import Catalogues, CitySurvey, city_survey
from collector.programme.survey_table import survey_sheet
from collector.shown import Shown
from collector.store.interface import Store


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    actions = Actions(command, "survey", "show")

    def add(name: str, summary: str, example: str = "", *, more: str) -> argparse.ArgumentParser:
        parser = actions.add(name, summary, example, more=more)
        add_criteria(parser)
        return parser

    refreshing = add(
        "refresh",
        "make the measured facts anew",
        more=(
            "From verdicts, results and roll-ups of the last four weeks. "
            "A serving collector does it once a day."
        ),
    )
    add_calendar(refreshing)
    showing = add(
        "show",
        "show the survey of the city, or of one school with its evidence",
        "E001",
        more="Contradictions come first.",
    )
    showing.add_argument("code", metavar="CODE", nargs="?", help="of a school; none: the city")
    confirming = add(
        "confirm",
        "confirm the survey of schools as it stands",
        "E001 E002 --note 'meeting of 18 May'",
        more=(
            "Likely findings are kept as confirmed, unlikely ones as rejected; what cannot be told "
            "stays open. The school becomes 'identified'."
        ),
    )
    confirming.add_argument("codes", metavar="CODE", nargs="+", help="of a school")
    confirming.add_argument("--note", default="", metavar="TEXT", help="kept with each decision")
    exporting = add(
        "export",
        "write the survey as a table, one line a school and finding",
        "survey.xlsx",
        more="The ending of FILE decides: .csv or .xlsx.",
    )
    exporting.add_argument("file", metavar="FILE", type=Path, help="to be written")
    for one in (showing, confirming, exporting):
        one.add_argument("--findings", type=Path, metavar="FILE", help="another catalogue (TOML)")
    for one in (showing, exporting):
        one.add_argument("--language", choices=LANGUAGES, default="en", help="default en")


def run(options: argparse.Namespace) -> int:
    """Run one action; exit code 1 where something was refused, 2 for bad arguments."""
    return reporting(
        lambda: on_store(
            options,
            lambda store: _ACTIONS[options.action](options, store),
            DecisionRefused,
            EditedMeanwhile,
        )
    )


def survey_of(options: argparse.Namespace, store: Store) -> CitySurvey:
    """Survey the city of a store. Raises ConfigRefused."""
    facts = load_facts()
    catalogues = Catalogues(facts=facts, findings=load_findings(options.findings, facts))
    return city_survey(store, criteria_of(options), catalogues, Shown(store, SystemClock()))


def _refresh(options: argparse.Namespace, store: Store) -> int:
    clock = SystemClock()
    shown = Shown(store, clock)
    done = refresh(store, calendars_of(options), shown, cli_actor(), clock.now())
    print(f"{done.facts} facts of {done.schools} schools from {done.weeks[-1]} to {done.weeks[0]}")
    return OK


def _show(options: argparse.Namespace, store: Store) -> int:
    survey, text = survey_of(options, store), words(options.language)
    if options.code is None:
        _show_city(survey)
        return OK
    one = survey.school(options.code)
    if one is None:
        raise BadArguments(f"school: found {options.code!r}, allowed is the code of a school")
    for line in survey_view.lines(text, survey, one):
        sign = " !" if line.contradiction else ""
        print(f"{line.name}: {line.likelihood}, {line.percent} ({line.grade}){sign}")
        for head, facts in line.evidence:
            print(f"    {head}{': ' + '; '.join(facts) if facts else ''}")
        if line.missing:
            print(f"    {text('survey.missing')}: {', '.join(line.missing)}")
    return OK


def _show_city(survey: CitySurvey) -> None:
    for one in survey.schools:
        for judged in one.contradictions:
            print(
                f"contradiction  {one.school.code} {judged.finding_id}: {judged.likelihood.value}"
            )
    for one in survey.schools:
        if one.unexplained:
            print(f"unexplained    {one.school.code} misses its speed without a likely finding")
    for one in survey.schools:
        likely = [key for key, it in one.judgements.items() if it.likelihood is Likelihood.LIKELY]
        state = "not_started" if one.progress is None else one.progress.state.value
        open_ = one.count(Likelihood.CANNOT_TELL)
        print(f"{one.school.code:<8} {state:<13} cannot tell {open_:>2}  {' '.join(likely)}")
    done = sum(one.surveyed for one in survey.others)
    print(f"confirmed: {done} of {len(survey.others)} schools that are no sample schools")


def _confirm(options: argparse.Namespace, store: Store) -> int:
    for code in dict.fromkeys(options.codes):
        survey = survey_of(options, store)
        one = survey.school(code)
        if one is None:
            raise BadArguments(f"school: found {code!r}, allowed is the code of a school")
        version = 0 if one.progress is None else one.progress.version
        author = Author(cli_actor(), SystemClock().now())
        kept = confirm_school(store, one.judgements, version, author, options.note)
        left = f", open: {' '.join(kept.open)}" if kept.open else ""
        print(f"{code}: {len(kept.decided)} decided{left}")
    return OK


def _export(options: argparse.Namespace, store: Store) -> int:
    sheet = survey_sheet(survey_of(options, store), options.language)
    if options.file.suffix not in (".csv", ".xlsx"):
        raise BadArguments(
            f"file: found {options.file.name!r}, allowed is .csv or .xlsx at its end"
        )
    made = csv_bytes(sheet) if options.file.suffix == ".csv" else xlsx_bytes([sheet])
    try:
        options.file.write_bytes(made)
    except OSError as error:
        print(f"{options.file}: cannot be written ({error.strerror})", file=sys.stderr)
        return FAILED
    print(f"{options.file}: {len(sheet.rows)} lines")
    return OK


_ACTIONS: Final = {"refresh": _refresh, "show": _show, "confirm": _confirm, "export": _export}
