"""Tables of one subject: policies, suppression, measuring now."""

from typing import Final

from collector.store.schema.migration import Migration

STEP: Final = Migration(9, "policies, suppression, measuring now", ())
