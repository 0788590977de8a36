"""One POST to an address that was looked at: to that very address, for so long and no longer, no redirect followed."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Timer
from time import monotonic

from app.callbacks.addresses import Address, NotFoundByName, NotPublic, addresses_of, check_among, read_address

MOST_ANSWER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request: the answer's status, or none, and words for people; nothing that a stranger wrote."""

    status: int | None
    words: str
    milliseconds: int = 0

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_final(self) -> bool:
        """The receiver says that it is gone for good."""
        return self.status == 410


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    listed: Collection[str],
    seconds: float,
    only: Collection[str] = (),
) -> Answer:
    """Post JSON to an address. Never raises what the other side may cause: the answer tells of it.

    :param listed: see :func:`~app.callbacks.addresses.read_address`
    :param seconds: for everything together, however slowly the other side speaks
    :param only: see :func:`~app.callbacks.addresses.check_among`
    """
    began = monotonic()
    try:
        check_among(url, listed, only)
    except NotPublic as refusal:
        return Answer(None, f"Not sent: {refusal.message}")
    status, words = _posted(url, body, headers, listed, seconds)
    return Answer(status, words, round((monotonic() - began) * 1000))


def _posted(
    url: str, body: bytes, headers: Mapping[str, str], listed: Collection[str], seconds: float
) -> tuple[int | None, str]:
    until = monotonic() + seconds
    try:
        address = read_address(url, listed)
        found = addresses_of(address, seconds)
        status = _status_from(address, found[0], body, headers, until)
    except NotPublic as refusal:
        return None, f"Not sent: {refusal.message}"
    except NotFoundByName:
        return None, "The host's name has no address."
    except ssl.SSLCertVerificationError:
        return None, "The host's certificate is not valid for its name."
    except ssl.SSLError:
        return None, "The host does not speak TLS as it should."
    except TimeoutError:
        return None, f"No answer within {seconds:g} seconds."
    except (OSError, http.client.HTTPException):
        late = monotonic() >= until
        return None, f"No answer within {seconds:g} seconds." if late else "The host could not be reached."
    return status, _said(status)


def _said(status: int) -> str:
    if 200 <= status < 300:
        return "Taken"
    if 300 <= status < 400:
        return "Answered with a redirect, which is not followed"
    return "Refused"


def _status_from(address: Address, ip: str, body: bytes, headers: Mapping[str, str], until: float) -> int:
    with _connected(address, ip, until) as connection:
        connection.request("POST", address.target, body, {"Host": address.authority} | dict(headers))
        answer = connection.getresponse()
        # The other side may still be writing; what it says is read so far and thrown away.
        with suppress(OSError, http.client.HTTPException):
            answer.read(MOST_ANSWER_BYTES)
        return answer.status


@contextmanager
def _connected(address: Address, ip: str, until: float) -> Iterator[http.client.HTTPConnection]:
    """A connection to that address, for that name, which breaks when the time is up, whatever it is doing."""
    plain = socket.create_connection((ip, address.port), timeout=max(0.01, until - monotonic()))
    # What it is wrapped in takes the socket over; a second handle of it can always be shut.
    handle = plain.dup()
    watch = Timer(max(0.01, until - monotonic()), _shut, (handle,))
    watch.daemon = True
    watch.start()
    connection = http.client.HTTPConnection(address.host, address.port)
    try:
        connection.sock = _wrapped(plain, address.host) if address.scheme == "https" else plain
        yield connection
    finally:
        watch.cancel()
        connection.close()
        plain.close()
        handle.close()


def _wrapped(plain: socket.socket, name: str) -> ssl.SSLSocket:
    return ssl.create_default_context().wrap_socket(plain, server_hostname=name)


def _shut(handle: socket.socket) -> None:
    with suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
