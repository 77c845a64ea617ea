"""How tokens are to be chosen, from what a body says and what the checkpoint says of the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from backend.api.service import Model
from backend.api.shapes import ResponseFormat, Sampled
from backend.engine.request import Sampling
from backend.errors import RequestRefused
from backend.text.grammar import ANY_OBJECT


def sampling_of(
    body: Sampled,
    model: Model,
    *,
    max_tokens: int | None,
    logprobs: int | None,
    grammar: str | None = None,
    prompt_logprobs: int | None = None,
) -> Sampling:
    """The engine's form of it. A token that ends answers for this model ends this one, unless ``ignore_eos``."""
    own = frozenset() if body.ignore_eos else model.tokenizer.stop_ids
    return Sampling(
        max_tokens=max_tokens,
        temperature=chosen(body.temperature, model, "temperature"),
        top_p=chosen(body.top_p, model, "top_p"),
        top_k=max(body.top_k, 0),
        min_p=body.min_p,
        frequency_penalty=body.frequency_penalty,
        presence_penalty=body.presence_penalty,
        seed=body.seed,
        stop_ids=own | frozenset(body.stop_token_ids or ()),
        logprobs=logprobs,
        prompt_logprobs=prompt_logprobs,
        grammar=grammar,
    )


def chosen(asked: float | None, model: Model, name: str) -> float:
    """What the request asks, else what the checkpoint says, else 1."""
    return float(model.defaults.get(name, 1.0)) if asked is None else asked


def schema_of(wanted: ResponseFormat | None) -> Mapping[str, Any] | None:
    """The schema that an answer has to follow; None for a free one."""
    if wanted is None or wanted.type == "text":
        return None
    schema = wanted.json_schema.schema_ if wanted.type == "json_schema" and wanted.json_schema else ANY_OBJECT
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    return schema


def schema_in(text: str | None) -> Mapping[str, Any] | None:
    """SGLang's ``json_schema``, which is a schema as text."""
    if text is None:
        return None
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as bad:
        raise RequestRefused(f"json_schema is no JSON: {bad}.", "Send a JSON schema.") from bad
    if not isinstance(schema, dict):
        raise RequestRefused("json_schema is no JSON object.", "Send a JSON schema.")
    return schema
