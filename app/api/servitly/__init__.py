"""Servitly's contract for data exports: its paths, bodies, states and codes over our bulk exports.

A device is a *thing*, its template a *thing definition*, an organization a *customer*, a measurement a *metric value*.
"""

from __future__ import annotations

from flask import Blueprint
from werkzeug.exceptions import HTTPException

from app import errors
from app.api.servitly import answers, archives, data_exports, entrance, openapi
from app.api.servitly.paths import owns

__all__ = ["answers", "bp", "owns"]

bp = Blueprint("servitly", __name__)
bp.register_error_handler(errors.Refusal, answers.refuse)
bp.register_error_handler(HTTPException, answers.refuse_http)
data_exports.bp.before_request(entrance.enter)
data_exports.bp.after_request(entrance.say_limits)
for module in (archives, data_exports, openapi):
    bp.register_blueprint(module.bp)
