"""What is planted, as data: faults one by one, pairs of faults, healthy schools.

``accepted`` was declared with each fault, before anything was scored: the findings of which one
must be named for this fault. Where the evidence of a network alone cannot tell two causes apart,
both stand there and docs/causes-network.md says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final, Literal

from benchmarks.causes.lab.faults import MBPS, PORT_100M_BPS, Fault

Kind = Literal["fault", "pair", "healthy"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One school, some weeks of it."""

    name: str
    kind: Kind
    accepted: tuple[tuple[str, ...], ...]
    """For each fault planted the findings that are right; none for a healthy school."""
    seed: int
    required_bps: float
    contract_bps: float
    line_kind: str
    rtt_seconds: float = 0.008
    facts: Mapping[str, Any] = field(default_factory=dict)
    always: tuple[Fault, ...] = ()
    lesson: tuple[Fault, ...] = ()
    evening: tuple[Fault, ...] = ()
    update: tuple[Fault, ...] = ()
    """On days of updates, in lessons, instead of what other lessons have."""
    odd_run: tuple[Fault, ...] = ()
    """In one quiet run alone."""
    rounds: int = 5
    """Runs in each window."""
    brief: bool = False
    """Only what these faults need, for a sample within a minute."""


SMALL: Final = {"required_bps": 36e6, "contract_bps": 60e6, "line_kind": "best_effort_ipoe"}
"""20 pupils at 1.8 Mbit/s each; the line carries 57 Mbit/s of TCP."""
LINE: Final = Fault(kind="line_bps", amount=60 * MBPS)
PORT: Final = Fault(kind="port_bps", amount=10 * PORT_100M_BPS)
"""The appliance's port has 1 Gbit/s."""
LESSON: Final = Fault(kind="traffic_bps", amount=8 * MBPS)
"""What pupils of an ordinary school take, in all lessons."""


def cases(seed: int, runs: int) -> list[Case]:
    """All cases, ``runs`` times, each with amounts of its own."""
    random = Random(seed)
    return [case for _ in range(runs) for case in _faults(random) + _healthy(random)]


def quick(seed: int) -> list[Case]:
    """A sample: one fault, one pair, one healthy school."""
    wanted = ("line below contract", "line below contract and DNS slow", "healthy")
    return [replace(case, rounds=3, brief=True) for case in cases(seed, 1) if case.name in wanted]


def _case(name: str, random: Random, *accepted: str | tuple[str, ...], **given: object) -> Case:
    alternatives = tuple((one,) if isinstance(one, str) else one for one in accepted)
    kinds: tuple[Kind, ...] = ("healthy", "fault", "pair")
    whole: dict[str, Any] = {"always": (LINE,), "lesson": (LESSON,), **SMALL, **given}
    if not any(fault.kind in ("port_bps", "appliance_bps") for fault in whole["always"]):
        whole["always"] = (PORT, *whole["always"])
    return Case(
        name=name,
        kind=kinds[len(alternatives)],
        accepted=alternatives,
        seed=random.getrandbits(30),
        **whole,
    )


def _fault(kind: str, amount: float = 0.0) -> Fault:
    return Fault(kind=kind, amount=amount)


def _faults(random: Random) -> list[Case]:
    def some(low: float, high: float) -> float:
        return round(random.uniform(low, high), 4)

    narrow = _fault("line_bps", some(9, 16) * MBPS)
    full = (_fault("pupils_count", random.randrange(16, 25)),)
    late_names = _fault("dns_delay_seconds", some(0.25, 0.6))
    late_page = _fault("web_delay_seconds", some(1.2, 2.5))
    hole = _fault("hole_bytes", random.choice([1400, 1434, 1454]))
    loss = _fault("loss_ratio", some(0.01, 0.03))
    big = {"contract_bps": 300e6, "required_bps": 216e6}
    weak = _fault("appliance_bps", some(120, 190) * MBPS)
    port = (_fault("line_bps", 300 * MBPS), _fault("port_bps", PORT_100M_BPS))
    centre = {"line_kind": "centre_aggregated"}
    thin = _fault("uplink_bps", some(70, 90) * MBPS)
    crowded = (_fault("carrier_bps", some(35, 50) * MBPS), _fault("customers_count", 8))
    return [
        _case("line below contract", random, "line_below_contract", always=(narrow,),
              lesson=(_fault("traffic_bps", 1 * MBPS),)),
        _case("line saturated by pupils", random, "line_saturated", lesson=full),
        _case("100 Mbit/s port", random, "port_100m", always=port, **big),
        _case("loss in the LAN", random, ("port_errors", "half_duplex"), always=(LINE, loss)),
        _case("MTU black hole", random, "mtu_black_hole", always=(LINE, hole)),
        _case("DNS slow", random, "dns_slow", always=(LINE, late_names)),
        _case("DNS fails", random, "dns_slow",
              always=(LINE, _fault("dns_failure_ratio", some(0.25, 0.5)))),
        _case("session table full", random, "nat_sessions",
              lesson=(_fault("sessions_count", random.randrange(60, 120)),)),
        _case("centre's uplink crowded", random, "aggregation_thin", always=(LINE, thin),
              lesson=(LESSON, _fault("other_schools_count", 16)), **centre),
        _case("carrier crowded in the evening", random, "carrier_congested", evening=crowded),
        _case("PPPoE crowded in the evening", random, "pppoe_congested",
              evening=crowded, line_kind="best_effort_pppoe"),
        _case("block page", random, "interception", always=(LINE, _fault("block"))),
        _case("redirect to a login", random, "interception", always=(LINE, _fault("login"))),
        _case("filter slow", random, "filter_slow",
              always=(LINE, _fault("proxy_bps", some(6, 14) * MBPS)),
              facts={"router.filter_kind": "proxy"}),
        _case("router at its limit", random, "router_limit",
              always=(LINE, _fault("router_bps", 22 * MBPS)), facts={"router.rated_bps": 22e6}),
        _case("appliance too weak", random, "appliance_limit",
              always=(_fault("line_bps", 300 * MBPS), weak),
              **big),
        _case("cloud service slow", random, "cloud_side", always=(LINE, late_page)),
        _case("addresses used up", random, "address_pool",
              lesson=(LESSON, _fault("addresses_count", random.randrange(4, 40)))),
        _case("loop in the LAN", random, "loop",
              lesson=(LESSON, _fault("loop_bps", 2 * MBPS)), rounds=3),
        _case("updates", random, "update_day", update=full, rounds=6),
        _case("line below contract and DNS slow", random, "line_below_contract", "dns_slow",
              always=(narrow, late_names), lesson=(_fault("traffic_bps", 1 * MBPS),)),
        _case("line saturated and DNS slow", random, "line_saturated", "dns_slow",
              always=(LINE, late_names), lesson=full),
        _case("evening crowded and cloud service slow", random, "carrier_congested", "cloud_side",
              always=(LINE, late_page), evening=crowded),
        _case("100 Mbit/s port and block page", random, "port_100m", "interception",
              always=(*port, _fault("block")), **big),
    ]  # fmt: skip


def _healthy(random: Random) -> list[Case]:
    large = {"contract_bps": 500e6, "required_bps": 323e6}
    line = _fault("line_bps", 420 * MBPS)
    return [
        _case("healthy", random),
        _case("healthy, large", random, always=(line,),
              lesson=(_fault("traffic_bps", 30 * MBPS),), **large),
        _case("healthy, busy but enough", random, lesson=(_fault("traffic_bps", 20 * MBPS),)),
        _case("healthy, one odd run", random, odd_run=(_fault("pupils_count", 12),)),
        _case("healthy, far away", random, rtt_seconds=0.040),
    ]  # fmt: skip


def names(found: Sequence[Case]) -> list[str]:
    """Names of cases, each once, in order."""
    return list(dict.fromkeys(case.name for case in found))
