"""The OpenID provider, asked by Authlib: where to send people, and what it says about who came back.

Every call ends within the settings' seconds of silence, follows no redirect, reads no long answer, and goes over TLS
but to this same host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from requests.adapters import HTTPAdapter

from app import clock
from app.single_sign_on.refusing import NotLetIn, Why, short_name
from app.single_sign_on.settings import Settings

LEEWAY = 120
"""Seconds by which the provider's clock may differ from ours."""

KEPT_SECONDS = 3600.0
"""How long what the provider says of itself is not asked again."""

MOST_BYTES = 1 << 20
"""Of one answer: keys, tokens, and the groups of a person who is in many."""

MAX_AGE = "300"
"""Seconds. Whoever is given one has to tell when it was; of 0 some providers never have enough."""

ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
"""Signatures by a key that only the provider has."""

AWAY_SECONDS = 5.0
"""How long a provider that does not answer is left alone: who waits for it holds one of the web's threads."""

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
_OURS = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"})


class Provider:
    """What the settings name. One for a process: what the provider says of itself and its keys are kept for an hour."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._metadata: dict[str, Any] | None = None
        self._keys: Any = None
        self._asked_at = self._away_at = 0.0

    def address(self, *, state: str, nonce: str, verifier: str, anew: bool = False) -> str:
        """Where a browser goes to sign in there.

        :param anew: nobody is to pass without being asked, and when that was is to be told
        :raises NotLetIn: ``away`` or ``misconfigured``
        """
        metadata = self.metadata()
        more = {"prompt": "login", "max_age": MAX_AGE} if anew else {}
        with self._session() as session:
            url, _ = session.create_authorization_url(
                metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier, **more
            )
        return str(url)

    def claims(self, code: str, *, nonce: str, verifier: str) -> dict[str, Any]:
        """What the provider says about whoever came back with this code, after everything about it was checked.

        :raises NotLetIn: ``not-proved``, ``away`` or ``misconfigured``
        """
        metadata = self.metadata()
        with self._session(metadata) as session:
            token = self._token(session, metadata, code, verifier)
            claims = self._checked(token, nonce)
            return self._completed(session, metadata, claims)

    def metadata(self) -> dict[str, Any]:
        """What the provider says of itself, checked.

        :raises NotLetIn: ``away`` or ``misconfigured``
        """
        now, known = clock.now().timestamp(), self._metadata
        if known is not None and 0 <= now - self._asked_at < KEPT_SECONDS:
            return known
        if known is None and 0 <= now - self._away_at < AWAY_SECONDS:
            raise NotLetIn("away", "the provider did not answer a moment ago")
        # Nobody waits here for somebody else's question: two may ask the same.
        try:
            found = self._discovered()
        except NotLetIn as refusal:
            self._away_at = now
            if known is None or refusal.why != "away":
                raise
            self._asked_at = now - KEPT_SECONDS + AWAY_SECONDS
            return known
        self._metadata, self._keys, self._asked_at = found, None, now
        return found

    def key_set(self, *, again: bool = False) -> Any:
        """The provider's public keys.

        :param again: it signs with a key that is not among those that we know
        :raises NotLetIn: ``away`` or ``misconfigured``
        """
        uri = self.metadata()["jwks_uri"]
        known = self._keys
        if known is None or again:
            try:
                told: Any = self._json(uri)
                known = self._keys = KeySet.import_key_set(told)
            except (JoseError, ValueError, KeyError, TypeError) as fault:
                raise NotLetIn("misconfigured", "the provider's keys cannot be read") from fault
        return known

    def _discovered(self) -> dict[str, Any]:
        found = self._json(self._settings.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if found.get("issuer") != self._settings.issuer:
            raise NotLetIn("misconfigured", "the provider calls itself by another name than OIDC_ISSUER")
        for name in _ENDPOINTS:
            if name in found and not is_safe(found[name]):
                raise NotLetIn("misconfigured", f"the provider's {name} is not an address with TLS")
        if not all(found.get(name) for name in _ENDPOINTS[:3]):
            raise NotLetIn("misconfigured", "the provider does not say all its addresses")
        if not signatures_in(found):
            raise NotLetIn("misconfigured", "the provider signs by no key that only it has")
        return found

    def _json(self, url: str) -> dict[str, Any]:
        try:
            with requests.Session() as session:
                _bound(session)
                answer = session.get(url, timeout=self._settings.seconds, headers={"Accept": "application/json"})
        except requests.TooManyRedirects as fault:
            raise NotLetIn("misconfigured", "the provider answers with a redirect") from fault
        except requests.RequestException as fault:
            raise NotLetIn("away", f"the provider does not answer: {type(fault).__name__}") from fault
        return _read(answer)

    def _session(self, metadata: Mapping[str, Any] | None = None) -> Any:
        settings = self._settings
        session = OAuth2Session(
            settings.client_id,
            settings.client_secret,
            token_endpoint_auth_method=self._client_proof(metadata or {}),
            scope=settings.scopes,
            redirect_uri=settings.returns_to,
            code_challenge_method="S256",
            default_timeout=settings.seconds,
        )
        _bound(session)
        return session

    def _client_proof(self, metadata: Mapping[str, Any]) -> str:
        if not self._settings.client_secret:
            return "none"
        offered = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"

    def _token(self, session: Any, metadata: Mapping[str, Any], code: str, verifier: str) -> Mapping[str, Any]:
        try:
            token: Mapping[str, Any] = session.fetch_token(
                metadata["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=verifier
            )
        except requests.TooManyRedirects as fault:
            raise NotLetIn("misconfigured", "the provider answers with a redirect") from fault
        except (requests.ConnectionError, requests.Timeout, requests.HTTPError) as fault:
            raise NotLetIn("away", f"the provider gives no token: {type(fault).__name__}") from fault
        except AuthlibBaseError as fault:
            why: Why = "misconfigured" if fault.error in _OURS else "not-proved"
            raise NotLetIn(why, f"the provider refuses the code: {short_name(fault.error)}") from fault
        except (ValueError, requests.RequestException) as fault:
            raise NotLetIn("misconfigured", "the provider's token cannot be read") from fault
        if not isinstance(token.get("id_token"), str):
            raise NotLetIn("misconfigured", "the provider gives no ID token: does it know the scope openid?")
        return token

    def _checked(self, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        registry = JWSRegistry(algorithms=signatures_in(self.metadata()), strict_check_header=False)
        try:
            try:
                decoded = jwt.decode(token["id_token"], self.key_set(), registry=registry)
            except InvalidKeyIdError:
                decoded = jwt.decode(token["id_token"], self.key_set(again=True), registry=registry)
            expected = {
                "iss": {"essential": True, "value": self._settings.issuer},
                "aud": {"essential": True, "value": self._settings.client_id},
                "exp": {"essential": True},
            }
            params = {"nonce": nonce, "client_id": self._settings.client_id, "access_token": token.get("access_token")}
            claims = CodeIDToken(decoded.claims, decoded.header, expected, params)
            claims.validate(now=int(clock.now().timestamp()), leeway=LEEWAY)
        except (JoseError, AuthlibBaseError, ValueError, TypeError, KeyError) as fault:
            # Names of what is wrong only: the token tells of a person.
            words = getattr(fault, "claim", None) or getattr(fault, "error", None) or type(fault).__name__
            raise NotLetIn("not-proved", f"the ID token does not hold: {short_name(words)}") from fault
        return dict(claims)

    def _completed(self, session: Any, metadata: Mapping[str, Any], claims: dict[str, Any]) -> dict[str, Any]:
        """The claims with those that only the provider's second address tells, for whom they are the same person's."""
        wanted = {"email", "email_verified", "name"}
        if self._settings.roles:
            wanted.add(self._settings.roles_claim.split(".")[0])
        if wanted <= claims.keys() or not metadata.get("userinfo_endpoint"):
            return claims
        try:
            answer = session.get(metadata["userinfo_endpoint"])
        except requests.TooManyRedirects as fault:
            raise NotLetIn("misconfigured", "the provider answers with a redirect") from fault
        except requests.RequestException as fault:
            raise NotLetIn("away", f"the provider does not say who it is: {type(fault).__name__}") from fault
        except AuthlibBaseError as fault:
            raise NotLetIn("misconfigured", "the provider gives no bearer token") from fault
        told = _read(answer)
        if told.get("sub") != claims["sub"]:
            raise NotLetIn("not-proved", "the provider tells of somebody else")
        return told | claims


class TooLong(requests.RequestException):
    """An answer that no provider needs."""


class _Short(HTTPAdapter):
    """Takes no answer into memory that is longer than :data:`MOST_BYTES`, compressed or not."""

    def send(self, *request: Any, **options: Any) -> requests.Response:
        answer = super().send(*request, **options)
        kept = bytearray()
        for piece in answer.iter_content(1 << 16):
            kept += piece
            if len(kept) > MOST_BYTES:
                answer.close()
                raise TooLong("the answer is too long")
        answer._content = bytes(kept)
        return answer


def _bound(session: requests.Session) -> None:
    """Follow no redirect, and read only so much."""
    session.max_redirects = 0
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Short())


def signatures_in(metadata: Mapping[str, Any]) -> list[str]:
    """The ways of signing, of those that the provider has, that we take."""
    offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
    return sorted(ALGORITHMS & {one for one in offered if isinstance(one, str)}) if isinstance(offered, list) else []


def is_safe(url: object) -> bool:
    """Whether this is an address with TLS, or one on this same host."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK))


def _read(answer: requests.Response) -> dict[str, Any]:
    if answer.status_code >= 500 or answer.status_code == 429:
        raise NotLetIn("away", f"the provider answers {answer.status_code}")
    if answer.status_code != 200:
        raise NotLetIn("misconfigured", f"the provider answers {answer.status_code}")
    try:
        found = answer.json()
    except ValueError as fault:
        raise NotLetIn("misconfigured", "the provider's answer cannot be read") from fault
    if not isinstance(found, dict):
        raise NotLetIn("misconfigured", "the provider's answer cannot be read")
    return found
