"""What is true: one file for each noun, imported here so that every table is known."""

from app.models.entity import Entity, EntityHistory, EntityValue, EntityWord, Reference
from app.models.export import Export, ExportFile, ExportPart
from app.models.measurement import (
    Measurement,
    MeasurementBlock,
    MeasurementHistory,
    MeasurementRollup,
    MeasurementUnsealed,
    Series,
)
from app.models.organization import Location, Organization
from app.models.record import AuditEvent, CallbackTry, OutboxMessage
from app.models.stored_file import FilePiece, StoredFile
from app.models.template import Metric, Template, TemplateAttribute
from app.models.tenant import Revision, Tenant, take_revision
from app.models.transactions import begin_writing
from app.models.user import ApiToken, Membership, SignInSession, User

__all__ = [
    "ApiToken",
    "AuditEvent",
    "CallbackTry",
    "Entity",
    "EntityHistory",
    "EntityValue",
    "EntityWord",
    "Export",
    "ExportFile",
    "ExportPart",
    "FilePiece",
    "Location",
    "Measurement",
    "MeasurementBlock",
    "MeasurementHistory",
    "MeasurementRollup",
    "MeasurementUnsealed",
    "Membership",
    "Metric",
    "Organization",
    "OutboxMessage",
    "Reference",
    "Revision",
    "Series",
    "SignInSession",
    "StoredFile",
    "Template",
    "TemplateAttribute",
    "Tenant",
    "User",
    "begin_writing",
    "take_revision",
]
