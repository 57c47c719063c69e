"""Tables of one subject: hourly and daily roll-ups, retention, revisions."""

from typing import Final

from collector.store.schema.migration import Migration

STEP: Final = Migration(11, "hourly and daily roll-ups, retention, revisions", ())
