"""The child process: looks at one file and writes down what it found.

Protocol, on standard output: one JSON line with the finding or the refusal, then the bytes of the preview, if
any. The line is complete before the preview is begun, so a preview that dies or takes too long costs the
preview alone.
"""

from __future__ import annotations

import json
import logging
import resource
import signal
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from .finding import Finding, Refused

PREVIEW_SECONDS = 10
UNREADABLE = "This file is damaged: it cannot be read to its end."
TOO_COSTLY = "This file takes more memory to read than is accepted."


def main(path: str, decoder: str, media_type: str, wants: str, memory: str, seconds: str) -> None:
    """Look at ``path``. ``wants`` is ``finding``, ``preview`` or ``both``."""
    _confine(int(memory), int(seconds))
    warnings.simplefilter("ignore")
    logging.disable()
    if wants != "preview":
        answer = _look(Path(path), decoder, media_type)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        if "refused" in answer:
            return
    if wants != "finding":
        signal.alarm(PREVIEW_SECONDS)
        sys.stdout.buffer.write(_preview(Path(path), decoder) or b"")
        sys.stdout.flush()


def _confine(memory: int, seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _look(path: Path, decoder: str, media_type: str) -> dict[str, object]:
    from .sniff import agree, sniff

    read, _ = _decoders(decoder)
    try:
        agree(sniff(path), media_type, decoder)
        return asdict(read(path))
    except Refused as refusal:
        return {"refused": str(refusal)}
    except MemoryError:
        return {"refused": TOO_COSTLY}
    except ImportError:
        raise  # our own installation is broken, which is not the file's fault
    except Exception:  # decoders raise whatever they like on hostile data, and none of it is a fault of ours
        return {"refused": UNREADABLE}


def _preview(path: Path, decoder: str) -> bytes | None:
    _, draw = _decoders(decoder)
    try:
        return draw(path) if draw else None
    except ImportError:
        raise
    except Exception:  # a file may be right and still have no picture of itself
        return None


Read = Callable[[Path], Finding]
Draw = Callable[[Path], "bytes | None"]


def _decoders(name: str) -> tuple[Read, Draw | None]:
    """Imported for the one kind that is needed: half of the child's time is imports."""
    if name == "dicom":
        from .dicom import preview_dicom, read_dicom

        return read_dicom, preview_dicom
    if name == "pdf":
        from .documents import preview_pdf, read_pdf

        return read_pdf, preview_pdf
    if name in {"text", "json", "edf"}:
        from .text import read_edf, read_json, read_text

        return {"text": read_text, "json": read_json, "edf": read_edf}[name], None
    from .images import preview_image, read_image

    return lambda path: read_image(path, name), lambda path: preview_image(path, name)
