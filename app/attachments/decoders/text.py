"""Text, JSON and EDF: kinds without a picture, read once from end to end."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

from .finding import Finding, Refused

_CHUNK = 1024 * 1024
_MAX_PARSED_JSON = 32 * 1024 * 1024
_EDF_FIXED = 256
_EDF_SIGNAL = 256
_EDF_COUNTS = ((184, 192), (236, 244), (252, 256))  # bytes of the header, data records, signals


def read_text(path: Path) -> Finding:
    """Refuse what is not UTF-8 text, or holds NUL bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if b"\0" in chunk:
                raise Refused("This file is not plain text (it holds NUL bytes). Save it as UTF-8 text.")
            _decode(decoder, chunk)
        _decode(decoder, b"", final=True)
    return Finding()


def read_json(path: Path) -> Finding:
    """Text that also parses; beyond 32 MiB it is looked at as text alone, to keep memory bounded."""
    finding = read_text(path)
    if path.stat().st_size <= _MAX_PARSED_JSON:
        try:
            json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            raise Refused("This file is named .json, but it is not valid JSON.") from None
    return finding


def read_edf(path: Path) -> Finding:
    """European Data Format: the header's own sums must agree with the file's size."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_EDF_FIXED)
        if len(head) < _EDF_FIXED or head[:8] != b"0       ":
            raise Refused("This file is named .edf, but it does not begin with an EDF header.")
        header_bytes, records, signals = (_number(head[at:to]) for at, to in _EDF_COUNTS)
        if signals < 1 or header_bytes != _EDF_FIXED + signals * _EDF_SIGNAL or header_bytes > size:
            raise Refused("This EDF file's header is damaged.")
        file.seek(_EDF_FIXED + signals * 216)  # after eight lists of fields comes the samples of each record
        samples = sum(_number(file.read(8)) for _ in range(signals))
    expected = header_bytes + max(records, 0) * samples * 2
    # -1 records means that the recorder never closed the file: legal, and then the size cannot be foretold.
    if samples < 1 or (records >= 0 and size != expected):
        raise Refused("This EDF file is cut off or damaged: its length is not the one that its header gives.")
    return Finding()


def _decode(decoder: codecs.IncrementalDecoder, chunk: bytes, final: bool = False) -> None:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        raise Refused("This text is not in UTF-8. Save it as UTF-8 and try again.") from None


def _number(field: bytes) -> int:
    try:
        return int(field.decode("ascii"))
    except ValueError:
        raise Refused("This EDF file's header is damaged.") from None
