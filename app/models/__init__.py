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
from app.models.measurement_import import MeasurementImport
from app.models.organization import Location, Organization
from app.models.record import AuditChain, AuditEvent, CallbackTry, OutboxMessage
from app.models.sign_in import HalfSignIn, RecoveryCode, SecondStep, SignInIdentity, SignInLink
from app.models.stored_file import FilePiece, StoredFile
from app.models.template import Metric, Template, TemplateAttribute
from app.models.tenant import Revision, Tenant, take_revision
from app.models.terminology import (
    CollectionReference,
    Concept,
    ConceptHistory,
    ConceptWord,
    Mapping,
    MappingHistory,
    Release,
    Repository,
    take_repository_revision,
)
from app.models.transactions import begin_writing, writing
from app.models.user import ApiToken, Membership, SignInSession, User

__all__ = [
    "ApiToken",
    "AuditChain",
    "AuditEvent",
    "CallbackTry",
    "CollectionReference",
    "Concept",
    "ConceptHistory",
    "ConceptWord",
    "Entity",
    "EntityHistory",
    "EntityValue",
    "EntityWord",
    "Export",
    "ExportFile",
    "ExportPart",
    "FilePiece",
    "HalfSignIn",
    "Location",
    "Mapping",
    "MappingHistory",
    "Measurement",
    "MeasurementBlock",
    "MeasurementHistory",
    "MeasurementImport",
    "MeasurementRollup",
    "MeasurementUnsealed",
    "Membership",
    "Metric",
    "Organization",
    "OutboxMessage",
    "RecoveryCode",
    "Reference",
    "Release",
    "Repository",
    "Revision",
    "SecondStep",
    "Series",
    "SignInIdentity",
    "SignInLink",
    "SignInSession",
    "StoredFile",
    "Template",
    "TemplateAttribute",
    "Tenant",
    "User",
    "begin_writing",
    "take_repository_revision",
    "take_revision",
    "writing",
]
