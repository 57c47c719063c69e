"""Tables of one subject: slots of throughput tests, rehearsals."""

from typing import Final

from collector.store.schema.migration import Migration

STEP: Final = Migration(10, "slots of throughput tests, rehearsals", ())
