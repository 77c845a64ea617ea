"""Files for the room's tests, and how a person's hand puts them there."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

# Makes files in the page, as the clipboard or another window would hand them over.
_TRANSFER = """(files) => {
  const transfer = new DataTransfer();
  for (const [name, type, base64] of files)
    transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name, { type }));
  return transfer;
}"""
Made = tuple[str, str, bytes]


def png(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """A real image of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes(colour) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def written(folder: Path, name: str, data: bytes) -> Path:
    """A file on the disk."""
    path = folder / name
    path.write_bytes(data)
    return path


def picked(page: Page, name: str = "") -> Locator:
    """Files beside the words that are being written."""
    found = page.locator(".picked-one")
    return found.filter(has_text=name) if name else found


def choose(page: Page, *paths: Path) -> None:
    """By the paperclip and the browser's own dialog."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Attach files").click()
    chooser.value.set_files(paths)


def hand_over(page: Page, event: str, target: str, *files: Made) -> None:
    """A drop on, or a paste into, what ``target`` selects."""
    encoded = [[name, kind, base64.b64encode(data).decode()] for name, kind, data in files]
    transfer = page.evaluate_handle(_TRANSFER, encoded)
    page.evaluate(
        """([event, target, transfer]) => document.querySelector(target).dispatchEvent(event === "paste"
          ? new ClipboardEvent(event, { clipboardData: transfer, bubbles: true, cancelable: true })
          : new DragEvent(event, { dataTransfer: transfer, bubbles: true, cancelable: true }))""",
        [event, target, transfer],
    )


def ready(page: Page, count: int) -> None:
    """Waits until so many files have arrived."""
    expect(page.locator('.picked-one[data-state="ready"]')).to_have_count(count)
