"""The pages of the assessment programme, in one list: add a line here for a new one."""

from collections.abc import Iterator

from fastapi import APIRouter

from collector.pages.answer import Answers
from collector.pages.programme_ask import CityAsker
from collector.pages.programme_assessment import AssessmentPages
from collector.pages.programme_demand import DemandPages
from collector.pages.programme_hub import ProgrammeHub
from collector.pages.programme_indicators import IndicatorPages
from collector.pages.programme_measures import MeasurePages
from collector.pages.programme_ministry import MinistryPages
from collector.pages.programme_network import NetworkPages
from collector.pages.programme_plan import PlanPages
from collector.pages.programme_progress import ProgressPages
from collector.pages.programme_sample import SamplePages
from collector.pages.programme_spreadsheets import SpreadsheetPages
from collector.pages.programme_survey import SurveyPages
from collector.pages.programme_what_if import WhatIfPages
from collector.pages.sources import PageSources


def programme_routers(sources: PageSources, answers: Answers) -> Iterator[APIRouter]:
    """Give the routes of each page."""
    yield ProgrammeHub(sources, answers).router()
    yield SamplePages(sources, answers).router()
    yield ProgressPages(sources, answers).router()
    yield AssessmentPages(sources, answers).router()
    yield SpreadsheetPages(sources, answers).router()
    yield IndicatorPages(sources, answers).router()
    yield DemandPages(sources, answers).router()
    yield NetworkPages(sources, answers).router()
    yield MinistryPages(sources, answers).router()
    yield MeasurePages(sources, answers).router()
    asker = CityAsker(sources)
    yield WhatIfPages(sources, answers, asker).router()
    yield PlanPages(sources, answers, asker).router()
    yield SurveyPages(sources, answers).router()
