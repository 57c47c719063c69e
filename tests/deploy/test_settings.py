"""A wrong value of .env is named, with what is allowed; the example and the defaults are right."""

import re
from pathlib import Path

import pytest

from deploy import settings
from wire import __version__

ROOT = Path(__file__).parents[2]
FINE = {"HAKARU_SITE": "hakaru.city.example"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "HAKARU_SITE: is missing: the name that schools and people open"),
        ({"HAKARU_SITE": ""}, "HAKARU_SITE: is missing: the name that schools and people open"),
        (
            {"HAKARU_SITE": "https://hakaru.city.example"},
            (
                "HAKARU_SITE: found 'https://hakaru.city.example', allowed is a host name in small "
                "letters without https:// and port, such as hakaru.city.example"
            ),
        ),
        (
            FINE | {"HAKARU_STIE": "x"},
            "HAKARU_STIE: no such setting; did you mean HAKARU_SITE?",
        ),
        (
            FINE | {"HAKARU_TLS": "letsencrypt"},
            (
                "HAKARU_TLS: found 'letsencrypt', allowed is internal (an authority of its own), "
                "an e-mail address (a certificate by ACME), or '/tls/cert.pem /tls/key.pem' (your "
                "own files, in HAKARU_SECRETS/tls)"
            ),
        ),
        (
            FINE | {"HAKARU_TLS": "a@b.example\n}\nimport /etc/passwd"},
            (
                "HAKARU_TLS: found 'a@b.example\\n}\\nimport /etc/passwd', allowed is internal (an "
                "authority of its own), an e-mail address (a certificate by ACME), or "
                "'/tls/cert.pem /tls/key.pem' (your own files, in HAKARU_SECRETS/tls)"
            ),
        ),
        (
            FINE | {"HAKARU_HTTPS_PORT": "70000"},
            "HAKARU_HTTPS_PORT: found '70000', allowed is a port from 1 to 65535",
        ),
        (
            FINE | {"HAKARU_HTTP_PORT": "443"},
            "HAKARU_HTTP_PORT and HAKARU_HTTPS_PORT are both 443: they must differ",
        ),
        (
            FINE | {"HAKARU_BACKUP_KEEP": "0"},
            "HAKARU_BACKUP_KEEP: found '0', allowed is a whole number from 1 to 1000",
        ),
        (
            FINE | {"HAKARU_SECRETS": "secrets"},
            (
                "HAKARU_SECRETS: found 'secrets', allowed is a path that begins with / or ./, "
                "without spaces, : and $"
            ),
        ),
        (
            FINE | {"HAKARU_SERIES_RETENTION": "2 years"},
            (
                "HAKARU_SERIES_RETENTION: found '2 years', allowed is a number with h, d, w or y, "
                "such as 400d or 2y"
            ),
        ),
        (
            FINE | {"HAKARU_FRONT_NETWORK": "172.31.84.1/28"},
            (
                "HAKARU_FRONT_NETWORK: found '172.31.84.1/28', allowed is an IPv4 network of at "
                "least 16 addresses, such as 172.31.84.0/28"
            ),
        ),
        (
            FINE | {"HAKARU_PROXY_ADDRESS": "10.0.0.2"},
            "HAKARU_PROXY_ADDRESS: 10.0.0.2 is not in its network 172.31.84.0/28",
        ),
        (
            FINE | {"HAKARU_PROXY_ADDRESS": "172.31.84.1"},
            (
                "HAKARU_PROXY_ADDRESS: 172.31.84.1 is taken: the first two and the last of "
                "172.31.84.0/28 are"
            ),
        ),
        (
            FINE
            | {
                "HAKARU_MONITOR_NETWORK": "172.31.84.0/24",
                "HAKARU_PROMETHEUS_ADDRESS": "172.31.84.99",
            },
            "HAKARU_FRONT_NETWORK and HAKARU_MONITOR_NETWORK overlap: they must not",
        ),
        (
            FINE | {"HAKARU_TLS": "net@city.example"},
            (
                "HAKARU_TLS: a certificate by ACME is given for public names only, and "
                "hakaru.city.example is none: use internal, or your own files"
            ),
        ),
        (
            FINE | {"POSTGRES_PASSWORD": "x"},
            (
                "POSTGRES_PASSWORD: no such setting; secrets are files in HAKARU_SECRETS, never "
                "in .env"
            ),
        ),
        (FINE | {"HAKRU_TLS": "x"}, "HAKRU_TLS: no such setting; did you mean HAKARU_TLS?"),
        (FINE | {"WORKERS": "x"}, "WORKERS: no such setting: remove it"),
        (
            FINE | {"HAKARU_VERSION": "a b"},
            "HAKARU_VERSION: found 'a b', allowed is a tag of an image",
        ),
    ],
)
def test_what_is_wrong_is_named_once(given: dict[str, str], said: str) -> None:
    """Name, what was found, what is allowed; nothing else is said."""
    assert settings.troubles(given) == [said]


@pytest.mark.parametrize("tls", ["internal", "net@city.example", "/tls/cert.pem /tls/key.pem"])
def test_each_way_to_a_certificate_is_taken(tls: str) -> None:
    """The three that the Caddyfile understands; Compose's own names are let through."""
    given = {"HAKARU_SITE": "hakaru.example.org", "HAKARU_TLS": tls, "COMPOSE_PROFILES": "demo"}
    assert settings.troubles(given) == []


@pytest.mark.parametrize("site", ["localhost", "192.0.2.1", "hakaru", "hakaru.board.internal"])
def test_names_without_a_public_certificate(site: str) -> None:
    """No authority gives one for them."""
    assert not settings.public(site)


def test_what_the_environment_overrules_is_named() -> None:
    """Compose takes the environment first; where both agree there is nothing to say."""
    here = {
        "HAKARU_SITE": "hakaru.city.example",
        "HAKARU_HTTPS_PORT": "99",
        "HAKARU_TLS": "internal",
    }
    assert settings.overruled(FINE, here) == [
        (
            "HAKARU_HTTPS_PORT: the environment has another value, which Compose would take: "
            "unset HAKARU_HTTPS_PORT"
        )
    ]


def test_lines_are_read_as_compose_reads_them() -> None:
    """Comments, quotes, empty values; a line that is none and a name twice are named."""
    values, odd = settings.read(
        "# comment\nA=1\nB='two words'\nC=\nD=4 # behind\n\nE = 5\nnonsense\nA=2\n"
    )
    assert values == {"A": "2", "B": "two words", "C": "", "D": "4"}
    assert odd == [
        "line 7: found 'E = 5', allowed is NAME=VALUE without spaces at =",
        "line 8: found 'nonsense', allowed is NAME=VALUE without spaces at =",
        "line 9: A stands twice: leave one",
    ]


def test_the_example_names_every_setting_with_its_default() -> None:
    """And is itself right; Compose's own name keeps the volumes where the folder is renamed."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    values, odd = settings.read(re.sub(r"^#(HAKARU_)", r"\1", text, flags=re.MULTILINE))
    assert odd == []
    assert values.pop("COMPOSE_PROJECT_NAME") == "hakaru"
    assert settings.troubles(values) == []
    assert values == settings.with_defaults(FINE)


def test_the_version_is_that_of_the_project() -> None:
    """Images that are built here carry the release's number."""
    assert settings.with_defaults({})["HAKARU_VERSION"] == __version__


def test_the_document_tells_the_same() -> None:
    """docs/deployment.md: each setting with its default and meaning."""
    text = (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(HAKARU_\w+)` \| (`?)([^|`]+)\2 \| ([^|]+) \|$", text, re.MULTILINE)
    assert [(name, default, meaning) for name, _, default, meaning in rows] == [
        (setting.name, setting.default or "required", setting.meaning)
        for setting in settings.SETTINGS
    ]
