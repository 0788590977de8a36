"""Telling of an export's end: once for each, signed, again and again while it fails, and never past the guard."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import delete, select

from app import administration, callbacks, clock, exports, outbox
from app.callbacks.delivering import AT_ONCE, KIND, _claim
from app.callbacks.posting import post
from app.callbacks.signatures import signature
from app.errors import Invalid, NotFound
from app.exports import ReportParams
from app.exports.settling import fail_export
from app.extensions import db
from app.models import CallbackTry, Export, OutboxMessage, begin_writing
from tests.callbacks.conftest import Receiver, receiver_with
from tests.factories import BEGINNING, World
from tests.services.tls import make_certificate

Listed = Callable[..., None]


def asked(world: World, url: str | None, who: str = "alice") -> UUID:
    params = ReportParams(("patient",), start=BEGINNING)
    return exports.request_export(world.actor(who), "report", params, request_key=uuid4().hex, callback_url=url).id


def told(receiver: Receiver) -> list[tuple[str, str]]:
    return [(one.json["id"], one.json["status"]) for one in receiver.received]


def test_a_ready_report_is_told_with_its_own_json_and_addresses_of_ours(
    domain: World, receiver: Receiver, listed: Listed
) -> None:
    domain.patient()
    export_id = asked(domain, receiver.url("/told?from=here"))
    assert callbacks.deliver_due() == 0
    exports.work_until_idle("test")
    assert callbacks.deliver_due() == 1
    assert callbacks.deliver_due() == 0
    [one] = receiver.received
    assert one.path == "/told?from=here"
    assert one.headers["content-type"] == "application/json"
    assert one.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert (one.json["id"], one.json["status"]) == (str(export_id), "COMPLETED")
    [path] = one.json["fileOutput"]["filesLocation"]["patient"]["paths"]
    assert path.startswith(f"https://export.example.org/dms/v1/data/reports/{export_id}/files/0/patient.json?")


def test_a_host_that_the_administrator_leaves_out_is_refused_and_not_told_any_more(
    domain: World, receiver: Receiver, listed: Listed
) -> None:
    def only(*hosts: str) -> None:
        boss = domain.actor("max")
        present = administration.tenant_settings(boss)
        administration.change_settings(boss, replace(present, callback_hosts=hosts), present.fingerprint)

    only("localhost", "127.0.0.1")
    waiting = asked(domain, receiver.url())
    only("localhost")
    with pytest.raises(Invalid, match="none of them"):
        asked(domain, receiver.url())
    exports.cancel_export(domain.actor("alice"), waiting)
    assert callbacks.deliver_due() == 1
    [one] = db.session.scalars(select(CallbackTry))
    assert "none of them" in one.words
    assert receiver.received == []
    only()
    assert callbacks.deliver_due() == 1
    assert told(receiver) == [(str(waiting), "CANCELED")]


def test_every_final_state_is_told_once_and_nobody_is_told_who_named_no_address(
    domain: World, receiver: Receiver, listed: Listed, turn: Callable[[datetime], None]
) -> None:
    alice = domain.actor("alice")
    ready = asked(domain, receiver.url())
    exports.work_until_idle("test")
    cancelled, failed = asked(domain, receiver.url()), asked(domain, receiver.url())
    asked(domain, None)
    exports.cancel_export(alice, cancelled)
    exports.cancel_export(alice, cancelled)
    begin_writing()
    assert fail_export(failed, "The disk was full.")
    db.session.commit()
    assert callbacks.deliver_due() == 3
    assert sorted(told(receiver)) == sorted(
        [(str(ready), "COMPLETED"), (str(cancelled), "CANCELED"), (str(failed), "FAILED")]
    )
    turn(clock.now() + timedelta(days=400))
    exports.expire_exports()
    receiver.received.clear()
    assert callbacks.deliver_due() == 1
    assert told(receiver) == [(str(ready), "FAILED")]
    assert receiver.received[0].json["errorMessage"] == "expired"


def test_a_receiver_can_tell_that_a_request_is_ours(domain: World, receiver: Receiver, listed: Listed) -> None:
    exports.cancel_export(domain.actor("alice"), asked(domain, receiver.url()))
    callbacks.deliver_due()
    [one] = receiver.received
    key = base64.b64decode(callbacks.secret_of(domain.users["alice"].id).removeprefix("whsec_"))
    signed = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert one.headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(one.headers["webhook-timestamp"]) - time.time()) < 60
    assert callbacks.secret_of(domain.users["adam"].id) != callbacks.secret_of(domain.users["alice"].id)


def test_the_signature_is_that_of_the_standards_own_example() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_failing_receiver_is_asked_again_under_the_same_id_until_it_answers(
    domain: World, receiver: Receiver, listed: Listed
) -> None:
    receiver.answers = [500, 404, 204]
    exports.cancel_export(domain.actor("alice"), asked(domain, receiver.url()))
    assert [callbacks.deliver_due() for _ in range(4)] == [1, 1, 1, 0]
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 1
    [found] = callbacks.list_deliveries(domain.actor("alice"))
    assert (found.state, found.try_count, found.tries[0].status) == ("delivered", 3, 204)
    tries = callbacks.get_delivery(domain.actor("alice"), found.id).tries
    assert sorted(one.status or 0 for one in tries) == [204, 404, 500]


def test_after_too_many_tries_it_is_given_up_and_can_be_sent_again(
    domain: World, receiver: Receiver, listed: Listed
) -> None:
    receiver.answers = [503]
    alice = domain.actor("alice")
    exports.cancel_export(alice, asked(domain, receiver.url()))
    assert [callbacks.deliver_due() for _ in range(4)] == [1, 1, 1, 0]
    [found] = callbacks.list_deliveries(alice)
    assert (found.state, found.next_at, found.tries[0].words) == ("given-up", None, "Refused")
    receiver.answers = [200]
    callbacks.send_again(alice, found.id)
    assert callbacks.get_delivery(alice, found.id).state == "waiting"
    assert callbacks.deliver_due() == 1
    assert callbacks.get_delivery(alice, found.id).state == "delivered"


def test_a_failed_try_waits_before_the_next_one(domain: World, receiver: Receiver, listed: Listed) -> None:
    listed(backoff=60.0)
    receiver.answers = [500]
    exports.cancel_export(domain.actor("alice"), asked(domain, receiver.url()))
    assert [callbacks.deliver_due() for _ in range(2)] == [1, 0]
    [found] = callbacks.list_deliveries(domain.actor("alice"))
    assert found.next_at is not None
    assert 50 < (found.next_at - datetime.now(UTC)).total_seconds() < 61
    assert [callbacks.Settings().wait_after(tries) for tries in (1, 2, 3, 20)] == [5.0, 20.0, 80.0, 21600.0]


def test_tries_that_were_ended_by_hand_stay_ended(domain: World, receiver: Receiver, listed: Listed) -> None:
    alice = domain.actor("alice")
    exports.cancel_export(alice, asked(domain, receiver.url()))
    [waiting] = callbacks.list_deliveries(alice)
    assert (waiting.state, waiting.event, waiting.try_count) == ("waiting", "cancelled", 0)
    callbacks.end_delivery(alice, waiting.id)
    callbacks.end_delivery(alice, waiting.id)
    assert callbacks.deliver_due() == 0
    assert callbacks.get_delivery(alice, waiting.id).state == "given-up"


def test_a_receiver_that_is_gone_for_good_is_not_asked_again(domain: World, receiver: Receiver, listed: Listed) -> None:
    receiver.answers = [410]
    exports.cancel_export(domain.actor("alice"), asked(domain, receiver.url()))
    assert [callbacks.deliver_due() for _ in range(2)] == [1, 0]


def test_a_deleted_report_is_told_of_no_more(domain: World, receiver: Receiver, listed: Listed) -> None:
    alice = domain.actor("alice")
    for ended in (True, False):
        export_id = asked(domain, receiver.url())
        if ended:
            exports.cancel_export(alice, export_id)
        exports.delete_export(alice, export_id)
    assert callbacks.deliver_due() == 0
    assert receiver.received == []
    assert callbacks.list_deliveries(alice) == []


def test_what_is_forgotten_while_it_is_being_told_holds_up_nobody_elses(
    app: Flask, domain: World, receiver: Receiver, listed: Listed
) -> None:
    def forget(_handler: Any) -> None:
        # Rows of reports that were deleted a day ago go by themselves, whatever is on its way.
        with app.app_context():
            begin_writing()
            db.session.execute(delete(OutboxMessage).where(OutboxMessage.object_id == first))
            db.session.commit()
            db.session.remove()
        _handler.send_response(200)
        _handler.send_header("Content-Length", "0")
        _handler.end_headers()

    alice = domain.actor("alice")
    receiver.answers = [forget]
    first, second = (asked(domain, receiver.url()) for _ in range(2))
    for one in (first, second):
        exports.cancel_export(alice, one)
    assert callbacks.deliver_due() == 2
    [found] = callbacks.list_deliveries(alice)
    assert (found.export_id, found.state) == (second, "delivered")


def test_the_tries_of_a_deleted_report_go_with_its_rows(domain: World, receiver: Receiver, listed: Listed) -> None:
    alice, export_id = domain.actor("alice"), asked(domain, receiver.url())
    exports.cancel_export(alice, export_id)
    assert callbacks.deliver_due() == 1
    assert db.session.query(CallbackTry).count() == 1
    exports.delete_export(alice, export_id)
    assert exports.forget_deleted(clock.now() + timedelta(days=2)) == 1
    assert (db.session.query(CallbackTry).count(), db.session.query(OutboxMessage).count()) == (0, 0)


def test_the_log_is_the_owners_and_that_of_whoever_administers_them(
    domain: World, receiver: Receiver, listed: Listed
) -> None:
    exports.cancel_export(domain.actor("alice"), asked(domain, receiver.url()))
    [found] = callbacks.list_deliveries(domain.actor("alice"))
    for name in ("nora", "max"):
        assert [one.id for one in callbacks.list_deliveries(domain.actor(name))] == [found.id]
    for name in ("adam", "rita", "ann", "boris"):
        assert callbacks.list_deliveries(domain.actor(name)) == []
        for act in (callbacks.get_delivery, callbacks.send_again, callbacks.end_delivery):
            with pytest.raises(NotFound):
                act(domain.actor(name), found.id)


def test_a_redirect_is_not_followed(domain: World, receiver: Receiver, listed: Listed) -> None:
    def elsewhere(handler: Any) -> None:
        handler.send_response(307)
        handler.send_header("Location", receiver.url("/inside"))
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    receiver.answers = [elsewhere]
    exports.cancel_export(domain.actor("alice"), asked(domain, receiver.url()))
    callbacks.deliver_due()
    assert [one.path for one in receiver.received] == ["/told"]
    [found] = callbacks.list_deliveries(domain.actor("alice"))
    assert "redirect" in found.tries[0].words


def test_a_name_that_has_become_private_since_it_was_given_is_not_asked(
    domain: World, receiver: Receiver, listed: Listed, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(listed=frozenset())
    answers = ["93.184.215.14"]

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers[0], port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    exports.cancel_export(domain.actor("alice"), asked(domain, "https://hooks.example.org/"))
    answers[0] = "127.0.0.1"
    callbacks.deliver_due()
    [found] = callbacks.list_deliveries(domain.actor("alice"))
    assert found.tries[0].status is None
    assert found.tries[0].words.startswith("Not sent: This address leads into a network that is not public")


def test_the_address_that_was_looked_at_is_the_one_that_is_asked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookups: list[str] = []
    genuine = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        lookups.append(host)
        return genuine("127.0.0.1" if host == "hooks.inside" else host, port, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    answer = post(receiver.url(host="hooks.inside"), b"{}", {}, listed=frozenset({"hooks.inside"}), seconds=2.0)
    assert answer.status == 200
    assert lookups.count("hooks.inside") == 1
    assert receiver.received[0].headers["host"] == f"hooks.inside:{receiver.port}"


def test_a_receiver_that_speaks_too_slowly_is_left_whatever_it_is_doing(receiver: Receiver) -> None:
    def drip(handler: Any) -> None:
        try:
            while True:
                handler.wfile.write(b"H")
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            handler.close_connection = True

    receiver.answers = [drip]
    answer = post(receiver.url(), b"{}", {}, listed=frozenset({"127.0.0.1"}), seconds=0.5)
    assert answer.status is None
    assert answer.words == "No answer within 0.5 seconds."


def test_an_answer_without_an_end_does_not_keep_us(receiver: Receiver) -> None:
    def endless(handler: Any) -> None:
        try:
            handler.send_response(200)
            handler.end_headers()
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            handler.close_connection = True

    receiver.answers = [endless]
    assert post(receiver.url(), b"{}", {}, listed=frozenset({"127.0.0.1"}), seconds=5.0).is_taken


def test_tls_is_asked_for_the_name_and_believed_only_with_a_certificate_for_it(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    everything = frozenset({"localhost", "127.0.0.1", "other.inside"})
    genuine = socket.getaddrinfo
    for receiver in receiver_with(context):
        refused = post(receiver.url(host="localhost"), b"{}", {}, listed=everything, seconds=5.0)
        assert refused.words == "The host's certificate is not valid for its name."
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.chain))
        assert post(receiver.url(host="localhost"), b"{}", {}, listed=everything, seconds=5.0).is_taken
        monkeypatch.setattr(
            socket, "getaddrinfo",
            lambda host, *a, **k: genuine("127.0.0.1" if host == "other.inside" else host, *a, **k),
        )  # fmt: skip
        refused = post(receiver.url(host="other.inside"), b"{}", {}, listed=everything, seconds=5.0)
        assert refused.words == "The host's certificate is not valid for its name."
        assert len(receiver.received) == 1


def test_a_message_is_tried_by_one_of_two_who_deliver(domain: World, receiver: Receiver, listed: Listed) -> None:
    exports.cancel_export(domain.actor("alice"), asked(domain, receiver.url()))
    [(message_id, attempts)] = outbox.due(KIND, AT_ONCE)
    assert _claim(message_id, attempts) is not None
    assert _claim(message_id, attempts) is None
    assert outbox.due(KIND, AT_ONCE) == []


def test_an_address_that_may_not_be_called_is_refused_with_the_request(domain: World) -> None:
    with pytest.raises(Invalid):
        asked(domain, "https://169.254.169.254/")
    assert db.session.query(Export).count() == 0
