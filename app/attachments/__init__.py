"""Files attached to entities: taken in, checked, listed, opened, removed and swept."""

from app.attachments.announced import (
    MOST_PIECES,
    AlreadyStored,
    cancel_upload,
    expect_file,
    get_expected,
    most_bytes,
    upload_address,
)
from app.attachments.attaching import attach_stored
from app.attachments.editing import edit_with_files
from app.attachments.finishing import PIECE_BYTES, begin_in_pieces, finish_in_pieces, forget_upload, received_pieces
from app.attachments.holding import (
    accepted_types_of,
    extensions_of,
    media_types_of,
    size_in_words,
    size_limit_of,
)
from app.attachments.inspection import Inspection, inspect_file
from app.attachments.intake import BROKEN_OFF, bind, open_private
from app.attachments.pieces import LEAST_PIECE, join_pieces, name_pieces, receive_piece
from app.attachments.reading import (
    file_address,
    get_file,
    get_file_or_own,
    list_files,
    may_show,
    open_file,
    open_preview,
    served_type,
)
from app.attachments.removal import may_remove, remove_file
from app.attachments.settling import receive_announced, settle
from app.attachments.upkeep import sweep_files
from app.attachments.uploads import Reception, Room, begin_upload, full_words, receive, room_for

__all__ = [
    "BROKEN_OFF",
    "LEAST_PIECE",
    "MOST_PIECES",
    "PIECE_BYTES",
    "AlreadyStored",
    "Inspection",
    "Reception",
    "Room",
    "accepted_types_of",
    "attach_stored",
    "begin_in_pieces",
    "begin_upload",
    "bind",
    "cancel_upload",
    "edit_with_files",
    "expect_file",
    "extensions_of",
    "file_address",
    "finish_in_pieces",
    "forget_upload",
    "full_words",
    "get_expected",
    "get_file",
    "get_file_or_own",
    "inspect_file",
    "join_pieces",
    "list_files",
    "may_remove",
    "may_show",
    "media_types_of",
    "most_bytes",
    "name_pieces",
    "open_file",
    "open_preview",
    "open_private",
    "receive",
    "receive_announced",
    "receive_piece",
    "received_pieces",
    "remove_file",
    "room_for",
    "served_type",
    "settle",
    "size_in_words",
    "size_limit_of",
    "sweep_files",
    "upload_address",
]
