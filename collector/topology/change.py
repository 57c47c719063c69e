"""A person edits a school's network: checked, versioned, in the audit log."""

from collections.abc import Callable, Mapping
from datetime import datetime

from collector.operators.audit import audit
from collector.store import rows_schools
from collector.store.interface import Store
from collector.store.sql import Sql
from collector.topology import edits as of_edits
from collector.topology import rows
from collector.topology.edits import Edits
from collector.topology.model import End
from collector.topology.refusal import EditRefused, Refusal

Edit = Callable[[Edits], Edits]


def change(
    store: Store, code: str, edit: Edit, what: str, who: str, now: datetime, seen: int | None = None
) -> int:
    """Apply ``edit`` to what stands and keep it; give the version.

    ``seen``: the version the person saw; None: whatever stands. ``what`` goes into the audit log.
    Raises EditRefused and EditedMeanwhile.
    """

    def work(sql: Sql) -> int:
        if rows_schools.school(sql, code) is None:
            raise EditRefused(f"there is no school {code[:40]!r}", Refusal.FORM)
        kept = rows.edits(sql, code)
        before = kept.version if seen is None else seen
        version = rows.keep_edits(sql, code, edit(kept.edits), before, who, now)
        audit(sql, who, "topology.edit", code, {"edit": what[:200], "version": version}, now)
        return version

    return store.write(work)


def edit_of(given: Mapping[str, str]) -> tuple[Edit, str]:
    """Make an edit of the fields of a form or command, and say in words what it is.

    ``do``: ``device``, ``drop-device``, ``link``, ``drop-link``, ``agent`` or ``wan``. Raises
    EditRefused.
    """
    do, device = given.get("do", ""), given.get("device", "").strip()
    one, other = (
        End(given.get(name, "").strip(), given.get(f"{name}_port", "").strip()) for name in "ab"
    )
    if do == "device":
        return lambda old: of_edits.set_device(old, device, given), f"device {device}"
    if do == "drop-device":
        return lambda old: of_edits.drop_device(old, device), f"device {device} as measured"
    if do == "link":
        return lambda old: of_edits.set_link(old, one, other, given), f"link {_words(one, other)}"
    if do == "drop-link":
        return lambda old: of_edits.drop_link(
            old, one, other
        ), f"link {_words(one, other)} as measured"
    if do in ("agent", "wan"):
        at = End(device, given.get("port", "").strip()) if device else None
        told = f"{at.device} {at.port}".strip() if at is not None else "as measured"
        return lambda old: of_edits.set_place(old, do, at), f"{do} {told}"
    allowed = "device, drop-device, link, drop-link, agent, wan"
    raise EditRefused(f"do: found {do[:20]!r}, allowed is {allowed}", Refusal.FORM)


def _words(one: End, other: End) -> str:
    return " - ".join(f"{at.device} {at.port}".strip() for at in (one, other))
