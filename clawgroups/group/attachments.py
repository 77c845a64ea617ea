"""Files that people attach to their words: what is known of one, and where it lies in a sub-agent's workspace. Pure."""

from __future__ import annotations

import re
import unicodedata

from msgspec import Struct

LARGEST = 20 * 1024 * 1024  # bytes of one file
MOST = 10  # files of one message
FOLDER = "attachments"  # in a workspace
UNKNOWN = "application/octet-stream"
IMAGES = ("image/png", "image/jpeg", "image/webp", "image/gif")  # shown in pages, and given to models that see
_NAME_BYTES = 100  # of a name in a workspace, whose file systems take 255
_ODD = re.compile(r"[^\w.-]+")


class Attachment(Struct, frozen=True, omit_defaults=True):
    """One file. ``name`` and ``media_type`` are what its sender says, but for images: those were looked at.

    ``sha256``: of its bytes, by which they are found; two attachments may have the same.
    """

    id: str
    name: str
    media_type: str
    size: int
    sha256: str

    @property
    def is_image(self) -> bool:
        """Whether it can be shown, and given to a model that sees."""
        return self.media_type in IMAGES


def sniffed(start: bytes) -> str:
    """The image type that the first bytes of a file tell; empty for everything else."""
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if start.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if start[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    return "image/webp" if start[:4] == b"RIFF" and start[8:12] == b"WEBP" else ""


def path_of(attachment: Attachment) -> str:
    """Where it lies in every workspace: always the same, so that a thread made again names the same path.

    The name is made harmless; what precedes it keeps files of one name apart.
    """
    return f"{FOLDER}/{attachment.sha256[:8]}-{safe_name(attachment.name)}"


def view(attachment: Attachment) -> dict[str, str | int]:
    """What is shown of it; ``path`` is where members find it."""
    one = attachment
    return {"id": one.id, "name": one.name, "media_type": one.media_type, "size": one.size, "path": path_of(one)}


def safe_name(name: str) -> str:
    """A name of letters, digits, dots and dashes, whatever the sender called it."""
    plain = _ODD.sub("-", unicodedata.normalize("NFC", name)).strip(".-_")
    while len(plain.encode()) > _NAME_BYTES:  # from the middle: the end tells what kind of file it is
        plain = plain[: len(plain) // 2 - 1] + plain[len(plain) // 2 :]
    return plain.strip(".-_") or "file"


def about(attachment: Attachment) -> str:
    """Its type and size in words."""
    size, unit = float(attachment.size), "bytes"
    for larger in ("KiB", "MiB"):
        if size >= 1024:
            size, unit = size / 1024, larger
    return f"{attachment.media_type}, {size:.3g} {unit}"
