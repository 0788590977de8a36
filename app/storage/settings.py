"""Where objects are kept, as plain values: another process opens the same storage from them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

_PREFIX: Final = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]*/)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """A local disk (``kind`` is ``local``, with ``root``) or a bucket of an S3 object store (``s3``, with ``bucket``).

    :raises ValueError: they do not fit together; the words name the deployment's setting
    """

    kind: str = "local"
    root: str = ""
    """The folder of a local disk, absolute."""
    bucket: str = ""
    prefix: str = ""
    """What every key in the bucket begins with: empty, or folders that end with a slash."""
    endpoint_url: str | None = None
    """The store's address for us; None: Amazon's own for ``region``."""
    public_endpoint_url: str | None = None
    """The store's address for browsers, where it differs."""
    region: str = "us-east-1"
    path_style: bool = True
    """The bucket is named in the path and not in the host name."""
    access_key_id: str | None = None
    """None: whatever boto3 finds by itself, as the role of the host."""
    secret_access_key: str | None = field(default=None, repr=False)
    signed_downloads: bool = True
    """Whether whole archives, and the files of programs, go to and from the store itself, by signed addresses."""

    def __post_init__(self) -> None:
        if self.kind not in ("local", "s3"):
            raise ValueError(f"STORAGE must be local or s3, not {self.kind!r}")
        if self.kind == "local" and not Path(self.root).is_absolute():
            raise ValueError("local storage needs an absolute folder")
        if self.kind == "s3" and not self.bucket:
            raise ValueError("S3_BUCKET must name the bucket when STORAGE is s3")
        if not _PREFIX.fullmatch(self.prefix) or ".." in self.prefix:
            raise ValueError("S3_PREFIX must be folders of letters, digits, '.', '_' and '-', each ended by a slash")
        if bool(self.access_key_id) != bool(self.secret_access_key):
            raise ValueError("S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY come together, or neither")

    @classmethod
    def local(cls, root: Path) -> Self:
        """A local disk below ``root``, which is made at the first write."""
        return cls(root=str(root.absolute()))

    def to_json(self) -> str:
        """All of it, the secret too: for a pipe to a child, never for a log or a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What :meth:`to_json` gave."""
        values: dict[str, Any] = json.loads(text)
        return cls(**values)
