"""Write what may be asked of each probe for both sides: ``python -m agent.catalogue``.

The result is ``wire/probes.json``; run it after a probe was added or its options changed.
"""

from importlib import import_module

from agent.probes import REGISTRY
from agent.spool.layout import HEAVY_PROBES
from wire import probes
from wire.probes import ProbeForm


def catalogue() -> dict[str, ProbeForm]:
    """Read the tables of all probes."""
    found = {}
    for name, path in REGISTRY.items():
        module = import_module(path)
        found[name] = ProbeForm(
            target=module.FORM,
            heavy=name in HEAVY_PROBES,
            one_way=getattr(module, "ONE_WAY", False),
            options=module.OPTIONS,
        )
    return found


if __name__ == "__main__":
    probes.FILE.write_text(probes.to_json(catalogue()), encoding="utf-8")
