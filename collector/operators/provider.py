"""OpenID Connect: authorization code with PKCE, by the parts of Authlib and joserfc.

The token is checked for its signature by a published key, an algorithm of :data:`ALGORITHMS`
(never ``none``, never a shared secret), issuer, audience, times and nonce (OpenID Connect Core 1.0,
3.1.3.7). Authlib's own client for httpx is left aside: it warns that httpx is on its way out.
"""

import secrets
import ssl
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import httpx
from authlib.oauth2.auth import ClientAuth  # type: ignore[import-untyped] # no stubs exist
from authlib.oauth2.rfc6749.parameters import (  # type: ignore[import-untyped] # no stubs exist
    prepare_grant_uri,
    prepare_token_request,
)
from authlib.oauth2.rfc7636 import (  # type: ignore[import-untyped] # no stubs exist
    create_s256_code_challenge,
)
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped] # no stubs exist
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from collector.clock import Clock
from collector.operators.accounts import AccountRefused, name_of
from collector.operators.provider_file import ProviderConfig
from collector.operators.provider_model import Begun, Identity, ProviderRefused, Reason

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")
LEEWAY_SECONDS: Final = 120
TIMEOUT_SECONDS: Final = 10.0
METADATA_SECONDS: Final = 3_600.0
KEYS_APART_SECONDS: Final = 60.0
"""Keys are asked for again no more often than this, whatever key a token names."""
MAX_ANSWER_BYTES: Final = 1_000_000
_KEY_TYPES: Final = frozenset({"RSA", "EC", "OKP"})


class Provider:
    """One identity provider. Safe to use from several threads."""

    def __init__(self, config: ProviderConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        trusted = ssl.create_default_context()
        if config.ca_file is not None:
            trusted.load_verify_locations(config.ca_file)
        self._tls = trusted
        self._metadata: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    @property
    def name(self) -> str:
        """See :class:`collector.operators.provider_model.IdentityProvider`."""
        return self._config.name

    def is_issuer(self, text: str) -> bool:
        """See :class:`collector.operators.provider_model.IdentityProvider`."""
        return text == self._config.issuer

    def begin(self) -> Begun:
        """See :class:`collector.operators.provider_model.IdentityProvider`."""
        state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
        url = prepare_grant_uri(
            self._endpoint("authorization_endpoint"),
            client_id=self._config.client_id,
            response_type="code",
            redirect_uri=self._config.redirect_uri,
            scope=" ".join(self._config.scopes),
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return Begun(url, state, nonce, verifier)

    def finish(self, code: str, begun_verifier: str, nonce: str, now: datetime) -> Identity:
        """See :class:`collector.operators.provider_model.IdentityProvider`."""
        answer = self._exchange(code, begun_verifier)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ProviderRefused(
                "token", "the provider gave no id_token: is openid in the scopes?"
            )
        claims = self._checked(token, answer.get("access_token"), nonce, now)
        return self._identity(claims)

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        config = self._config
        try:
            name = name_of(str(claims.get(config.name_claim, "")))
        except AccountRefused as error:
            raise ProviderRefused("not_allowed", f"claim {config.name_claim}: {error}") from None
        if config.name_claim == "email" and claims.get("email_verified") is not True:
            raise ProviderRefused("not_allowed", f"the provider has not verified {name}")
        role = config.role_of(claims)
        if role is None or not config.allows(name):
            why = "has no group that gives a role" if role is None else "is not in allow.names"
            raise ProviderRefused("not_allowed", f"{name} {why}")
        return Identity(f"{config.issuer} {claims['sub']}", name, role)

    def _checked(
        self, token: str, access_token: object, nonce: str, now: datetime
    ) -> Mapping[str, Any]:
        """Check signature and claims. Raises ProviderRefused."""
        try:
            try:
                found = self._decoded(token, self._key_set(renew=False))
            except InvalidKeyIdError:  # the provider has changed its keys
                found = self._decoded(token, self._key_set(renew=True))
            claims = CodeIDToken(
                found.claims,
                found.header,
                {
                    "iss": {"essential": True, "value": self._config.issuer},
                    "aud": {"essential": True, "value": self._config.client_id},
                    "sub": {"essential": True},
                },
                {
                    "nonce": nonce,
                    "client_id": self._config.client_id,
                    "access_token": access_token,
                },
            )
            claims.validate(now=int(now.timestamp()), leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            # what a token may hold is the sender's; the library tells of some by ValueError
            raise ProviderRefused("token", f"the token is refused: {error!r}") from None
        return dict(claims)

    def _decoded(self, token: str, keys: KeySet) -> jwt.Token:
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        return jwt.decode(token, keys, registry=registry)

    def _exchange(self, code: str, verifier: str) -> Mapping[str, Any]:
        config = self._config
        endpoint = self._endpoint("token_endpoint")
        body = prepare_token_request(
            "authorization_code",
            redirect_uri=config.redirect_uri,
            code=code,
            code_verifier=verifier,
        )
        methods = self._discovered().get("token_endpoint_auth_methods_supported")
        offered = methods if isinstance(methods, list) else ["client_secret_basic"]
        way = "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        uri, headers, body = ClientAuth(config.client_id, config.client_secret, way).prepare(
            "POST", endpoint, headers, body
        )
        return self._asked("POST", uri, headers, body)

    def _key_set(self, *, renew: bool) -> KeySet:
        moment = self._clock.monotonic_seconds()
        if self._keys is not None:
            age = moment - self._keys[0]
            if age < KEYS_APART_SECONDS or (age < METADATA_SECONDS and not renew):
                return self._keys[1]
        found = self._asked("GET", self._endpoint("jwks_uri")).get("keys")
        usable = [
            key
            for key in (found if isinstance(found, list) else [])
            if isinstance(key, dict) and key.get("kty") in _KEY_TYPES and key.get("use") != "enc"
        ]
        keys = KeySet.import_key_set({"keys": usable})
        self._keys = (moment, keys)
        return keys

    def _discovered(self) -> Mapping[str, Any]:
        moment = self._clock.monotonic_seconds()
        if self._metadata is None or moment - self._metadata[0] >= METADATA_SECONDS:
            issuer = self._config.issuer
            found = self._asked("GET", issuer.rstrip("/") + "/.well-known/openid-configuration")
            if found.get("issuer") != issuer:
                text = f"the provider calls itself {found.get('issuer')!r}, not {issuer!r}"
                raise ProviderRefused("unreachable", text)
            self._metadata = (moment, found)
        return self._metadata[1]

    def _endpoint(self, key: str) -> str:
        found = self._discovered().get(key)
        if not isinstance(found, str) or not found.startswith("https://"):
            raise ProviderRefused("unreachable", f"the provider names no https address as {key}")
        return found

    def _asked(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: str = ""
    ) -> Mapping[str, Any]:
        """Ask the provider. Neither the code nor the secret is in what is raised."""
        try:
            with httpx.Client(verify=self._tls, timeout=TIMEOUT_SECONDS) as client:
                reply = client.request(method, url, headers=headers, content=body.encode())
            answer = reply.json() if len(reply.content) <= MAX_ANSWER_BYTES else None
        except (httpx.HTTPError, ValueError) as error:
            text = f"{method} {url}: {type(error).__name__}: {error}"
            raise ProviderRefused("unreachable", text) from None
        if reply.status_code != 200 or not isinstance(answer, dict):
            reason = str(answer.get("error", ""))[:100] if isinstance(answer, dict) else "no JSON"
            refused: Reason = "token" if reply.status_code in {400, 401} else "unreachable"
            raise ProviderRefused(refused, f"{method} {url}: {reply.status_code} {reason}")
        return answer
