"""How the installation does: counts for whoever watches it, a tenant's own state for its administrators."""

from app.operations.again import NOT_THEIRS, Retried, try_again
from app.operations.counting import Backlog, Installation, Outbox, Storage, look_at_database
from app.operations.queue import DOING, Queue, look_at_queue
from app.operations.tenant import FailedExport, Lease, TenantState, list_failed, tenant_state

__all__ = [
    "DOING",
    "NOT_THEIRS",
    "Backlog",
    "FailedExport",
    "Installation",
    "Lease",
    "Outbox",
    "Queue",
    "Retried",
    "Storage",
    "TenantState",
    "list_failed",
    "look_at_database",
    "look_at_queue",
    "tenant_state",
    "try_again",
]
