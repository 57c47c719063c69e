"""Which plans a city tracks: the file is kept in its database, so every collector reads the same.

Nothing is tracked until plans are adopted: no city finds another one's figures on its pages.
"""

import hashlib
from datetime import datetime
from typing import Final

from collector.operators.audit import Detail, audit
from collector.programme.plans.file import parse_plans
from collector.programme.plans.model import CityPlans
from collector.store.interface import Store
from collector.store.rows_schools import set_setting
from collector.store.sql import Sql

PLANS: Final = "city_plans"
"""Setting: the adopted file, TOML."""
ADOPTED: Final = "the adopted plans"
"""What messages call the adopted file."""


def adopted(store: Store) -> CityPlans | None:
    """Give the plans in force, None where none were adopted.

    Raises :class:`collector.judge.reading.ConfigRefused` where an older release adopted what this
    one refuses.
    """
    text = store.setting(PLANS)
    return None if not text else parse_plans(text.encode(), ADOPTED)


def adopt(store: Store, plans: CityPlans, actor: str, now: datetime) -> None:
    """Have the city track these plans, in one transaction with its record."""

    def work(sql: Sql) -> None:
        set_setting(sql, PLANS, plans.text)
        detail: Detail = {
            "city": plans.city[0],
            "version": plans.version,
            "figures": len(plans.figures),
            "indicators": len(plans.indicators),
            "sha256": hashlib.sha256(plans.text.encode()).hexdigest(),
        }
        audit(sql, actor, "plans.adopt", "plans", detail, now)

    store.write(work)
