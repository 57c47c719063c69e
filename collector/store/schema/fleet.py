"""Tables of one subject: what agents say of themselves, and their identities."""

from typing import Final

from collector.store.schema.migration import Migration

STEP: Final = Migration(8, "what agents say of themselves, and their identities", ())
