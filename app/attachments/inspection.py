"""What an uploaded file really is: its name, its first bytes and a real decode must agree.

The decode runs in a child process with limits on memory and time: these are files that nobody has looked at
yet, decoders are native code, and a decoder that crashes or hangs must take no sign-in, upload or page with
it.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from app.attachments.kinds import Kind, kind_for
from app.attachments.names import clean_name
from app.errors import Invalid

MEMORY = 1536 * 1024 * 1024
"""Address space of the child, in bytes: the largest accepted picture, twice, and its decoder's libraries."""
SECONDS = 60
"""Wall-clock and processor time of the child."""
_AT_ONCE = threading.BoundedSemaphore(2)  # of one server process: ten large pictures must not add up

_START = "import sys; sys.path.append(sys.argv[1]); from decoders.child import main; main(*sys.argv[2:])"
_ROOM = Path(__file__).resolve().parent
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Inspection:
    """An accepted file. ``preview``: a WebP of at most 256 px a side, None when none can be drawn."""

    media_type: str
    extension: str
    """As the cleaned name has it, lower case with its dot."""
    modality: str | None = None
    """DICOM's: ``CT``, ``MR``, ``US``…"""
    pages: int | None = None
    """Pages of a PDF or TIFF, frames of a DICOM file with several."""
    width: int | None = None
    height: int | None = None
    preview: bytes | None = None


def inspect_file(
    path: Path, name: str, *, allowed: Collection[str] = (), memory: int = MEMORY, seconds: int = SECONDS
) -> Inspection:
    """Look at a file on local disk, before anything trusts it.

    :param name: the name it was sent under; its last ending decides what it must be
    :param allowed: media types that the attribute takes (``image/*`` works); empty means every known kind
    :raises Invalid: name, content and decode do not agree, or it is damaged, empty or too costly to read; the
        message is for the person who chose the file
    """
    kind = kind_for(name, allowed)
    out = run_decoder(path, kind, "both" if kind.draws else "finding", memory, seconds)
    line, _, preview = out.partition(b"\n")
    if not line:
        raise Invalid("This file takes too long or too much memory to read, so it is not accepted.")
    found = json.loads(line)
    if "refused" in found:
        raise Invalid(found["refused"])
    return Inspection(kind.media_type, clean_name(name).extension, **found, preview=preview or None)


def run_decoder(path: Path, kind: Kind, wants: str, memory: int = MEMORY, seconds: int = SECONDS) -> bytes:
    """Run the child and return what it wrote, up to where it was ended; see :mod:`.decoders.child`.

    :raises RuntimeError: the child could not start: our own installation is broken, the file is not to blame
    """
    with path.open("rb") as file, _AT_ONCE:
        # Handed over open, so that a file without any name on disk can be looked at as well.
        command = [sys.executable, "-I", "-c", _START, str(_ROOM), f"/proc/self/fd/{file.fileno()}"]
        child = subprocess.Popen(  # noqa: S603  (no text of a user's is in the command)
            [*command, kind.decoder, kind.media_type, wants, str(memory), str(seconds)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(file.fileno(),),
            cwd="/",
            # One thread each: idle pools of a numeric library count against the child's address space.
            env={"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        out, complaint = _wait(child, seconds)
    if child.returncode == 1 and not out and b"MemoryError" not in complaint:
        raise RuntimeError(f"the decoder does not start: {complaint.decode(errors='replace')[-2000:]}")
    if child.returncode != 0:
        _log.warning("decoder %s ended with %s on a file of %s", kind.decoder, child.returncode, path.stat().st_size)
    return out


def _wait(child: subprocess.Popen[bytes], seconds: int) -> tuple[bytes, bytes]:
    """What the child wrote; it has ended when this returns or raises."""
    try:
        return child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.communicate()
    except BaseException:
        child.kill()
        child.communicate()
        raise
