"""The catalogue of probes is what the probes say, and each target is read by its probe's form."""

import pytest

from agent.catalogue import catalogue
from agent.probes import REGISTRY
from wire import probes
from wire.checks import Wrong, target
from wire.probes import PROBES
from wire.target_forms import FORMS, hosts_of_options, hosts_of_target


def test_the_catalogue_is_what_the_probes_say() -> None:
    """After a change of a probe: python -m agent.catalogue."""
    assert probes.FILE.read_text(encoding="utf-8") == probes.to_json(catalogue())
    assert dict(PROBES) == catalogue()


def test_every_probe_has_a_form_for_its_target() -> None:
    """A probe without one could be pointed anywhere."""
    assert list(PROBES) == list(REGISTRY)
    assert {form.target for form in PROBES.values()} == FORMS


GOOD = {
    "host": ("centre.example", ("centre.example",)),
    "host_port": ("[2001:db8::1]:4443", ("2001:db8::1",)),
    "endpoint": ("192.0.2.7", ("192.0.2.7",)),
    "resolver": ("system", ()),
    "lan": ("lan", ()),
    "url": ("https://www.example/x?y", ("www.example",)),
    "service": ("www.speedtest.net", ("www.speedtest.net",)),
    "ndt7": ("wss://ndt.example:4443/", ("ndt.example",)),
}
BAD = ("-f", ";id", "$(id)", "a\nb", "0x7f000001", "::ffff:127.0.0.1", "", " ", "x:y:z", "//", "1")


@pytest.mark.parametrize("probe", PROBES)
def test_targets_of_every_probe_are_checked_when_they_are_read(probe: str) -> None:
    """The usual form is taken and leads to its host; what no probe may get is refused."""
    form = PROBES[probe]
    text, hosts = GOOD[form.target]
    assert target(probe, text, {}) == text
    assert hosts_of_target(form, text, {}) == hosts
    for bad in BAD:
        with pytest.raises(Wrong):
            target(probe, bad, {})


@pytest.mark.parametrize(
    ("probe", "text"),
    [
        ("https", "http://www.example/"),
        ("https", "https://user:password@www.example/"),
        ("ookla", "https://www.example/path"),
        ("ndt7_public", "wss://ndt.example/ndt/v7/download?access_token=x"),
        ("ndt7_public", "ws://ndt.example"),
        ("throughput", "centre.example"),
        ("latency", "centre.example:80"),
        ("dns", "systems:0"),
    ],
)
def test_what_only_this_probe_refuses_is_refused(probe: str, text: str) -> None:
    """Each form is its own: no URL for a ping, no path for a stand-in."""
    with pytest.raises(Wrong):
        target(probe, text, {})


def test_plain_http_needs_its_option() -> None:
    """Target and options are looked at together."""
    assert target("https", "http://www.example/", {"allow_http": True}) == "http://www.example/"


def test_options_that_name_far_ends_are_seen() -> None:
    """The second server, the other resolver and hosts of redirects are targets too."""
    assert hosts_of_options(PROBES["dns"], {"control": "192.0.2.1:53"}) == ("192.0.2.1",)
    assert hosts_of_options(PROBES["public_address"], {"second": "b.example:1"}) == ("b.example",)
    assert hosts_of_options(PROBES["https"], {"allowed_hosts": "a.example, b.example"}) == (
        "a.example",
        "b.example",
    )
    with pytest.raises(ValueError, match="option second: found"):
        hosts_of_options(PROBES["public_address"], {"second": "-x"})
