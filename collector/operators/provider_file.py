"""The file that names an identity provider: who may come from there, and as what. Pure but reading.

A secret is never in it: it names the file that holds the client's secret.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from collector.judge.reading import ConfigRefused, Reading, Table, parse_toml, read_bytes
from collector.operators.model import Role

DEFAULT_SCOPES: Final = ("openid", "profile", "email")
CALLBACK: Final = "/sign-in/provider/back"
_PROVIDER_KEYS: Final = (
    *("name", "issuer", "client_id", "client_secret_file", "redirect_uri"),
    *("scopes", "name_claim", "ca_file"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfig:
    """An OpenID provider, and who may sign in through it."""

    name: str
    """What the link on the sign-in page says."""
    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str
    """Where the provider sends the browser back: ``https://.../sign-in/provider/back``."""
    scopes: Sequence[str] = DEFAULT_SCOPES
    name_claim: str = "preferred_username"
    """Claim that becomes the sign-in name."""
    ca_file: Path | None = None
    """Certificates to trust beside the usual ones, for a provider with a private authority."""
    roles_claim: str = "groups"
    """Claim with the groups; a dot goes into an object (``realm_access.roles``)."""
    roles: Mapping[Role, frozenset[str]]
    """Groups that give each role."""
    allowed_names: frozenset[str]
    """Names that may come: exact, ``*@domain``, or ``*`` for whoever has a role."""

    def __repr__(self) -> str:
        return f"ProviderConfig({self.issuer!r})"

    def allows(self, name: str) -> bool:
        """Say whether somebody of this name may come."""
        domain = f"*@{name.rpartition('@')[2]}" if "@" in name else ""
        return bool(self.allowed_names & {name, domain, "*"})

    def role_of(self, claims: Mapping[str, Any]) -> Role | None:
        """Give the highest role that the groups among the claims give; None for none."""
        found: Any = claims
        for part in self.roles_claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        groups = {found} if isinstance(found, str) else set(_texts(found))
        return next((role for role in reversed(Role) if self.roles[role] & groups), None)


def load_provider(path: Path) -> ProviderConfig:
    """Read the file. Raises :class:`collector.judge.reading.ConfigRefused` with all mistakes."""
    document = parse_toml(read_bytes(path), str(path))
    reading = Reading(str(path))
    reading.only(document, "", ("provider", "roles", "allow"))
    provider = reading.table(document, "", "provider")
    roles = reading.table(document, "", "roles")
    allow = reading.table(document, "", "allow")
    reading.only(provider, "provider", _PROVIDER_KEYS)
    reading.only(roles, "roles", ("claim", *(role.value for role in Role)))
    reading.only(allow, "allow", ("names",))
    texts = {
        key: reading.text(provider, "provider", key)
        for key in ("name", "issuer", "client_id", "client_secret_file", "redirect_uri")
    }
    for key in ("issuer", "redirect_uri"):
        _https(reading, key, texts[key])
    if texts["redirect_uri"] and not urlsplit(texts["redirect_uri"]).path.endswith(CALLBACK):
        reading.wrong(
            "provider.redirect_uri", texts["redirect_uri"], f"one that ends in {CALLBACK}"
        )
    mapped = {role: frozenset(_list(reading, roles, "roles", role.value)) for role in Role}
    if not any(mapped.values()):
        reading.wrong("roles", roles.get("viewer"), "groups for at least one role")
    names = _list(reading, allow, "allow", "names")
    if not names:
        reading.wrong("allow.names", allow.get("names"), 'names such as "*@board.example", or "*"')
    reading.refuse_if_wrong()
    return ProviderConfig(
        name=texts["name"],
        issuer=texts["issuer"],
        client_id=texts["client_id"],
        client_secret=_secret(path, texts["client_secret_file"]),
        redirect_uri=texts["redirect_uri"],
        scopes=tuple(_list(reading, provider, "provider", "scopes")) or DEFAULT_SCOPES,
        name_claim=str(provider.get("name_claim", "preferred_username")),
        ca_file=path.parent / str(provider["ca_file"]) if "ca_file" in provider else None,
        roles_claim=str(roles.get("claim", "groups")),
        roles=mapped,
        allowed_names=frozenset(name.casefold() for name in names),
    )


def _https(reading: Reading, key: str, text: str) -> None:
    parts = urlsplit(text)
    if text and (parts.scheme != "https" or not parts.netloc or parts.query or parts.fragment):
        reading.wrong(f"provider.{key}", text, "an address that begins with https://")


def _list(reading: Reading, table: Table, place: str, key: str) -> list[str]:
    found = table.get(key, [])
    if isinstance(found, list) and all(isinstance(one, str) and one for one in found):
        return list(found)
    reading.wrong(f"{place}.{key}", found, "a list of texts")
    return []


def _secret(file: Path, named: str) -> str:
    """Read the secret from its file; a relative name is beside the configuration."""
    found = read_bytes(file.parent / named).decode("utf-8", "replace").strip()
    if not found:
        raise ConfigRefused([f"{file}: provider.client_secret_file: {named} is empty"])
    return found


def _texts(found: object) -> list[str]:
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
