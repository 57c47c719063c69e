"""Tables of one subject: what has been written to time-series stores."""

from typing import Final

from collector.store.schema.migration import Migration

STEP: Final = Migration(12, "what has been written to time-series stores", ())
