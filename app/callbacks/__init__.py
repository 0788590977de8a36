"""Callbacks: whoever asks for an export may name an address that is told of its end. See ``docs/biot.md``."""

from app.callbacks.delivering import announce, deliver_due, deliver_until
from app.callbacks.log import Delivery, Try, end_delivery, get_delivery, list_deliveries, send_again
from app.callbacks.settings import Settings, bound, check_callback, hosts_of
from app.callbacks.signatures import secret_of

bind = bound.bind

__all__ = [
    "Delivery",
    "Settings",
    "Try",
    "announce",
    "bind",
    "check_callback",
    "deliver_due",
    "deliver_until",
    "end_delivery",
    "get_delivery",
    "hosts_of",
    "list_deliveries",
    "secret_of",
    "send_again",
]
