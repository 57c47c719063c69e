"""Tables of one subject: operators, their sessions, the audit log."""

from typing import Final

from collector.store.schema.migration import Migration

STEP: Final = Migration(7, "operators, their sessions, the audit log", ())
