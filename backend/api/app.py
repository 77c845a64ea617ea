"""The routes of a served model. Errors and the key are seen to in ``faults`` and ``doors``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response

from backend import __version__
from backend.api import anthropic_messages, chat, completions, faults, generate, metrics
from backend.api.anthropic_shapes import CountBody, MessagesBody
from backend.api.connection import ClientGone, while_connected
from backend.api.doors import LARGEST_BODY, Doors
from backend.api.generate_shapes import AbortBody, GenerateBody
from backend.api.health import generates
from backend.api.host import Host
from backend.api.room import Room
from backend.api.service import Service
from backend.api.shapes import ChatBody, CompletionBody

LONGEST_CLIENT = 200  # characters
LONGEST_WAIT_S = 3600
_CLIENT_GONE = 499  # nobody reads it; nginx's number for the log


def build(host: Host, *, api_key: str = "", largest_body: int = LARGEST_BODY, bodies: Room | None = None) -> FastAPI:
    """The application that serves what ``host`` has. ``api_key`` "" lets everybody ask."""
    app = FastAPI(title="Backend engine", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.host = host
    faults.install(app)
    app.add_exception_handler(ClientGone, _gone)
    app.include_router(_completions)
    app.include_router(_state)
    app.add_middleware(Doors, api_key=api_key, largest_body=largest_body, room=bodies)
    return app


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=_CLIENT_GONE)


def _service(request: Request) -> Service:
    host: Host = request.app.state.host
    return host.service


Ready = Annotated[Service, Depends(_service)]
Timeout = Annotated[float, Query(ge=0, le=LONGEST_WAIT_S, allow_inf_nan=False)]
_completions, _state = APIRouter(), APIRouter()


def _client(request: Request, named: str | None) -> str:
    """Whom a request is for: clients take turns in the engine."""
    return (request.headers.get("x-client") or named or "")[:LONGEST_CLIENT]


# --- answers -----------------------------------------------------------------------------------------------


@_completions.post("/v1/chat/completions")
async def chat_completions(body: ChatBody, request: Request, service: Ready) -> Response:
    return await chat.chat(service, body, request, _client(request, body.user))


@_completions.post("/v1/completions")
async def text_completions(body: CompletionBody, request: Request, service: Ready) -> Response:
    return await completions.complete(service, body, request, _client(request, body.user))


@_completions.post("/v1/messages")
async def messages(body: MessagesBody, request: Request, service: Ready) -> Response:
    named = body.metadata.user_id if body.metadata else None
    return await anthropic_messages.messages(service, body, request, _client(request, named))


@_completions.post("/v1/messages/count_tokens")
async def count_tokens(body: CountBody, service: Ready) -> dict[str, int]:
    return await anthropic_messages.count_tokens(service, body)


@_completions.post("/generate")
async def native(body: GenerateBody, request: Request, service: Ready) -> Response:
    return await generate.generate(service, body, request, _client(request, body.sampling_params.user))


@_completions.post("/abort_request")
async def abort_request(body: AbortBody, service: Ready) -> dict[str, int]:
    return {"aborted": service.abort(body.rid, everything=body.abort_all)}


@_completions.api_route("/flush_cache", methods=["GET", "POST"])
async def flush_cache(request: Request, service: Ready, timeout: Timeout = 0.0) -> Response:
    await while_connected(request, service.flush(timeout))
    return Response("Cache flushed.\n", media_type="text/plain")


# --- state -------------------------------------------------------------------------------------------------


@_state.get("/ready")
async def ready(request: Request) -> Response:
    host: Host = request.app.state.host
    status, told = host.status()
    return JSONResponse(told, status_code=status)


@_state.get("/health")
async def health(service: Ready) -> Response:
    return Response()


@_state.get("/health_generate")
async def health_generate(service: Ready) -> Response:
    await generates(service)
    return Response()


@_state.get("/metrics")
async def read_metrics(request: Request) -> Response:
    host: Host = request.app.state.host
    text = metrics.text_of(host.known) if host.known is not None else b""
    return Response(text, headers={"Content-Type": metrics.CONTENT_TYPE})


@_state.get("/v1/models")
async def models(service: Ready) -> dict[str, Any]:
    return {"object": "list", "data": [_card(service)]}


@_state.get("/v1/models/{name:path}")
async def model(name: str, service: Ready) -> dict[str, Any]:
    if name != service.model.name:
        raise faults.NoSuchModel(f"There is no model {name[:200]!r} here.", f"This server has {service.model.name!r}.")
    return _card(service)


def _card(service: Service) -> dict[str, Any]:
    model = service.model
    return {
        "id": model.name,
        "object": "model",
        "created": int(service.started),
        "owned_by": "backend",
        "root": model.folder,
        "max_model_len": model.context,
    }


@_state.get("/model_info")
@_state.get("/get_model_info")
async def model_info(service: Ready) -> dict[str, Any]:
    model = service.model
    return {
        "model_path": model.folder,
        "tokenizer_path": model.folder,
        "is_generation": True,
        "architectures": [model.architecture],
        "has_image_understanding": model.sight is not None,
    }


@_state.get("/server_info")
@_state.get("/get_server_info")
async def server_info(service: Ready) -> dict[str, Any]:
    model = service.model
    return {
        "version": __version__,
        "engine": "backend",
        "model_path": model.folder,
        "served_model_name": model.name,
        "context_length": model.context,
        "max_total_num_tokens": service.stats().total_tokens,
        "startup_time_seconds": model.load_seconds,
        "tool_call_parser": "kimi_k2",
        "reasoning_parser": "kimi_k2",
    }
