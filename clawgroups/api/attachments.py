"""Routes of attachments: putting a file beside words that are being written, and reading one that was posted."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse

from clawgroups.api.deps import Actor, House
from clawgroups.api.door import drain
from clawgroups.api.errors import told
from clawgroups.errors import ClawError
from clawgroups.group.attachments import UNKNOWN

router = APIRouter(prefix="/groups/{group_id}/attachments")
Json = dict[str, Any]
BYTES = {"requestBody": {"required": True, "content": {UNKNOWN: {"schema": {"type": "string", "format": "binary"}}}}}
Name = Annotated[str, Query(max_length=2_000, description="What the file is called, without folders.")]
# Whatever the bytes are: opened by themselves they run no script, load nothing and are of no origin.
SEALED = "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; frame-ancestors 'none'"


@router.post("", status_code=201, responses=told(404, 413, 422, 503), openapi_extra=BYTES)
async def attach(group_id: str, name: Name, request: Request, house: House, actor: Actor) -> Json:
    """Keeps a file, which is the body, for a message to come; its type is the request's content type."""
    kind = request.headers.get("content-type", "")
    try:
        made = await house.attachments.receive(group_id, actor, name, kind, request.stream())
    except ClawError:
        await drain(request.receive)
        raise
    return {field: value for field, value in msgspec.to_builtins(made).items() if field != "sha256"}


@router.get("/{attachment_id}", responses=told(404, 422), response_class=FileResponse)
async def attached(group_id: str, attachment_id: str, house: House) -> FileResponse:
    """The bytes of one that was posted: images are shown, everything else is a download."""
    await house.group(group_id)
    found, path, image = await house.attachments.find(group_id, attachment_id)
    shown = "inline" if image else "attachment"
    headers = {
        "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(found.name, safe='')}",
        "Content-Security-Policy": SEALED,
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, max-age=31536000, immutable",
    }
    return FileResponse(path, media_type=image or UNKNOWN, headers=headers)
