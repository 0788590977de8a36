"""The way to the provider and back."""

from __future__ import annotations

import base64
import hmac
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from app import clock
from app.accounts import Asking, Entry, arrival_was_right, count_arrival
from app.administration import Contact, administrators_of
from app.errors import NotFound
from app.extensions import db
from app.signing import signing
from app.single_sign_on.people import enter, note_refusal, places_in
from app.single_sign_on.refusing import NotLetIn, Why, short_name
from app.single_sign_on.settings import Settings

if TYPE_CHECKING:
    from app.single_sign_on.provider import Provider

TRIP_SECONDS = 15 * 60
"""How long somebody may be away at the provider."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trip:
    """One way there and back. ``secret`` is for the browser's cookie, ``url`` is where the browser goes."""

    secret: str
    url: str


class SingleSignOn:
    """Bound to a provider, or to none: then everything here answers NotFound."""

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._provider: Provider | None = None

    def bind(self, settings: Settings | None) -> None:
        self._settings, self._provider = settings, None
        if settings is not None:
            # Here: what speaks with providers is large, and every process of the portal loads this module.
            from app.single_sign_on.provider import Provider

            self._provider = Provider(settings)

    @property
    def label(self) -> str | None:
        """What stands after "Sign in with"; ``None``: this deployment has no provider."""
        return None if self._settings is None else self._settings.label

    def begin(self, asking: Asking, *, anew: bool = False) -> Trip:
        """Send a browser to the provider.

        :param anew: the provider is to ask who it is, though it may know the browser
        :raises NotFound: there is none
        :raises NotLetIn: ``away`` or ``misconfigured``
        """
        _, provider = self._bound()
        secret = f"{int(clock.now().timestamp())}.{secrets.token_urlsafe(32)}"
        state, nonce, verifier = _drawn(secret)
        try:
            url = provider.address(state=state, nonce=nonce, verifier=verifier, anew=anew)
        except NotLetIn as refusal:
            self._refuse(refusal, asking)
        return Trip(secret, url)

    def finish(self, secret: str | None, answer: Mapping[str, str], asking: Asking) -> Entry:
        """Let in whoever comes back: the secret of a session, or of half a sign-in where a second step is asked for.

        :param secret: what :meth:`begin` gave this browser, which is good once; ``None`` when it has none
        :param answer: what the provider wrote into the address: ``state``, ``code``, ``iss``, ``error``
        :raises NotFound: there is no provider
        :raises NotLetIn: for every reason; it is in the record and in the log
        :raises Throttled: too many whom the provider does not know came from this address
        """
        settings, provider = self._bound()
        try:
            code, nonce, verifier = _read(settings, secret, answer)
            claims = _asked(provider, code, nonce, verifier, asking)
            return enter(settings, claims, asking)
        except NotLetIn as refusal:
            self._refuse(refusal, asking)

    def advisers(self) -> list[Contact]:
        """The administrators whom somebody asks whom the provider named and who is not let in."""
        settings, _ = self._bound()
        return administrators_of(settings.tenant)

    def examine(self) -> list[str]:
        """Ask the provider what it says of itself, and the database for what the settings name; answers it in words.

        :raises NotFound: there is no provider
        :raises NotLetIn: ``away`` or ``misconfigured``, with words for who runs the deployment
        """
        settings, provider = self._bound()
        metadata = provider.metadata()
        keys = len(provider.key_set().keys)
        places = places_in(settings)
        roles = sorted({f"{role}@{code}" for role, code in settings.governed()})
        missing = sorted({code for _, code in settings.governed()} - set(places))
        return [
            f"The provider answers as {settings.issuer}, with {keys} key{'' if keys == 1 else 's'}.",
            f"People are sent to {metadata['authorization_endpoint']} and back to {settings.returns_to}.",
            f"Roles that it gives and takes: {', '.join(roles) or 'none'}.",
            *(f"There is no organization {code}: its roles are given to nobody." for code in missing),
        ]

    def _bound(self) -> tuple[Settings, Provider]:
        if self._settings is None or self._provider is None:
            raise NotFound("There is no single sign-on here: OIDC_ISSUER is not set.")
        return self._settings, self._provider

    def _refuse(self, refusal: NotLetIn, asking: Asking) -> NoReturn:
        settings, _ = self._bound()
        db.session.rollback()
        if refusal.why == "lost":
            # Anybody can make this up, with any address: it is not worth a line for ever.
            log.info("single sign-on: %s", refusal.message)
        else:
            log.warning("single sign-on: %s", refusal.message, extra={"why": refusal.why})
            note_refusal(settings.tenant, refusal, asking)
        raise refusal


single_sign_on = SingleSignOn()


def _drawn(secret: str) -> tuple[str, str, str]:
    """State, nonce and PKCE's verifier of one trip: of the deployment's key, so that the cookie tells none of them."""
    state, nonce, verifier = (
        base64.urlsafe_b64encode(hmac.digest(signing.key("single sign-on"), f"{name} {secret}".encode(), "sha256"))
        .rstrip(b"=")
        .decode()
        for name in ("state", "nonce", "verifier")
    )
    return state, nonce, verifier


def _asked(provider: Provider, code: str, nonce: str, verifier: str, asking: Asking) -> dict[str, Any]:
    """What the provider says; a code that it does not know counts against the address, what is nobody's fault does not.

    :raises Throttled: too many such codes came from there
    """
    count_arrival(asking.address)
    try:
        claims = provider.claims(code, nonce=nonce, verifier=verifier)
    except NotLetIn as refusal:
        if refusal.is_ours:
            arrival_was_right(asking.address)
        raise
    arrival_was_right(asking.address)
    return claims


def _read(settings: Settings, secret: str | None, answer: Mapping[str, str]) -> tuple[str, str, str]:
    """Code, nonce and verifier of who came back to the browser from which they went."""
    begun = (secret or "").partition(".")[0]
    if secret is None or not begun.isdecimal() or not 0 <= clock.now().timestamp() - int(begun) <= TRIP_SECONDS:
        raise NotLetIn("lost", "a browser came back that did not go, or too late")
    state, nonce, verifier = _drawn(secret)
    if not hmac.compare_digest(answer.get("state", "").encode(errors="replace"), state.encode()):
        raise NotLetIn("lost", "a browser came back with another state")
    if answer.get("iss", settings.issuer) != settings.issuer:
        raise NotLetIn("not-proved", "the answer comes from another provider")
    if error := answer.get("error"):
        short = short_name(error)
        busy = short in ("server_error", "temporarily_unavailable")
        ours = short in ("invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope")
        why: Why = "away" if busy else "misconfigured" if ours else "denied"
        raise NotLetIn(why, f"the provider says {short}")
    code = answer.get("code", "")
    if not 0 < len(code) <= 4000:
        raise NotLetIn("not-proved", "the provider sent no code")
    return code, nonce, verifier
