"""Erasing a patient for good: every version, file, measurement and archive; only the record of the deed stays.

Removing a record keeps its history, so that exports of an earlier snapshot stay what they were. This does not: it is
for a patient who must leave no trace, and it cannot be undone.
"""

from app.erasure.erasing import CONFIRMATION, Erased, erase_patient
from app.erasure.weighing import Weight, weigh_erasure

__all__ = ["CONFIRMATION", "Erased", "Weight", "erase_patient", "weigh_erasure"]
