"""An entity's files as its page shows them: a card for each FILE or IMAGE attribute, a row for each file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import url_for

from app import attachments
from app.access import Permission, allows
from app.actor import Actor
from app.models import Entity, StoredFile, TemplateAttribute
from app.models.template import FILE_TYPES

TYPE_WORDS = {
    "application/dicom": "DICOM",
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WebP",
    "image/tiff": "TIFF",
    "application/pdf": "PDF",
    "text/csv": "CSV",
    "text/plain": "Text",
    "application/json": "JSON",
    "application/edf": "EDF",
}
NO_BREAK = "\N{NO-BREAK SPACE}"
MOST_AT_ONCE = 20
"""Files in one form. The script sends each by itself and has no such bound."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """One attached file; ``remove_url`` and ``thumbnail_url`` only where there is something behind them."""

    id: str
    name: str
    meta: str
    kind: str
    download_url: str
    thumbnail_url: str | None
    remove_url: str | None


@dataclass(frozen=True, slots=True)
class FileCard:
    """A FILE or IMAGE attribute of one entity, as one actor meets it.

    ``may_attach`` is whether the role lets the actor; ``full`` says why no further file fits, or is None.
    """

    attribute: str
    label: str
    rows: tuple[FileRow, ...]
    may_attach: bool
    full: str | None
    single: bool
    accept: str
    hint: str
    max_bytes: int
    upload_url: str

    @property
    def id(self) -> str:
        """Of its card on the page, and so the fragment of its address."""
        return f"files-{self.attribute}"

    @property
    def list_id(self) -> str:
        return f"{self.id}-list"


def cards_for(actor: Actor, entity: Entity) -> list[FileCard]:
    """A card for each FILE or IMAGE attribute of the entity, in its template's order; mostly there are none."""
    known = [attribute for attribute in entity.template.attributes if attribute.kind in FILE_TYPES]
    if not known:
        return []
    files = attachments.list_files(actor, entity)
    return [
        _card(actor, entity, attribute, [file for file in files if file.attribute == attribute.name])
        for attribute in known
    ]


def card_for(actor: Actor, entity: Entity, attribute: TemplateAttribute) -> FileCard:
    """The card of one attribute."""
    return _card(actor, entity, attribute, attachments.list_files(actor, entity, attribute.name))


def row_of(file: StoredFile, *, may_remove: bool) -> FileRow:
    """A file's row."""
    kind = TYPE_WORDS.get(file.media_type, "File")
    has_preview = file.preview_key is not None
    return FileRow(
        id=f"file-{file.id}",
        name=file.name,
        # A line breaks between facts, never within "22 Nov 2026".
        meta=" · ".join(fact.replace(" ", NO_BREAK) for fact in _facts(file, kind)),
        kind=kind,
        download_url=url_for("portal.files.download", file_id=file.id),
        thumbnail_url=url_for("portal.files.preview", file_id=file.id) if has_preview else None,
        remove_url=url_for("portal.files.remove", file_id=file.id) if may_remove else None,
    )


def _card(actor: Actor, entity: Entity, attribute: TemplateAttribute, files: list[StoredFile]) -> FileCard:
    may_attach = allows(actor, Permission.ATTACH, entity.organization_id)
    return FileCard(
        attribute=attribute.name,
        label=attribute.label,
        rows=tuple(row_of(file, may_remove=may_attach) for file in files),
        may_attach=may_attach,
        full=attachments.full_words(entity, attribute),
        single=attribute.max_files == 1,
        accept=",".join(attachments.extensions_of(attribute)),
        hint=_hint(attribute),
        max_bytes=attachments.size_limit_of(attribute),
        upload_url=url_for(
            "portal.files.upload",
            data_type=entity.data_type,
            entity_id=entity.id,
            attribute=attribute.name,
        ),
    )


def _hint(attribute: TemplateAttribute) -> str:
    words = [TYPE_WORDS[media_type] for media_type in attachments.accepted_types_of(attribute)]
    # "PDF, CSV or text": only a word that is no abbreviation is written small behind another.
    kinds = [word.lower() if word == "Text" and place else word for place, word in enumerate(words)]
    listed = " or ".join([*[", ".join(kinds[:-1])], kinds[-1]]) if len(kinds) > 1 else "".join(kinds)
    size = attachments.size_in_words(attachments.size_limit_of(attribute))
    if attribute.max_files == 1:
        return f"One file: {listed}, at most {size}."
    return f"{listed}, at most {size} each, up to {attribute.max_files} files."


def _facts(file: StoredFile, kind: str) -> list[str]:
    facts = [kind]
    if file.modality:
        facts.append(file.modality)
    if file.page_count and (file.page_count > 1 or file.media_type == "application/pdf"):
        noun = "frame" if file.media_type == "application/dicom" else "page"
        facts.append(f"{file.page_count:,} {noun}{'s' if file.page_count > 1 else ''}")
    facts.append(attachments.size_in_words(file.byte_count or 0))
    facts.append(_day(file.created_at))
    return facts


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y}"
