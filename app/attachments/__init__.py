"""Files attached to entities: taken in, checked, listed, opened, removed and swept."""

from app.attachments.holding import (
    accepted_types_of,
    extensions_of,
    media_types_of,
    size_in_words,
    size_limit_of,
)
from app.attachments.inspection import Inspection, inspect_file
from app.attachments.intake import BROKEN_OFF, bind, open_private
from app.attachments.reading import get_file, list_files, open_file, open_preview
from app.attachments.removal import may_remove, remove_file
from app.attachments.upkeep import sweep_files
from app.attachments.uploads import Reception, Room, begin_upload, full_words, receive, room_for

__all__ = [
    "BROKEN_OFF",
    "Inspection",
    "Reception",
    "Room",
    "accepted_types_of",
    "begin_upload",
    "bind",
    "extensions_of",
    "full_words",
    "get_file",
    "inspect_file",
    "list_files",
    "may_remove",
    "media_types_of",
    "open_file",
    "open_preview",
    "open_private",
    "receive",
    "remove_file",
    "room_for",
    "size_in_words",
    "size_limit_of",
    "sweep_files",
]
