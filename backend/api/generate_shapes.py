"""Bodies of SGLang's own endpoints, as far as this engine has what they ask for."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from backend.api.shapes import MOST_TOP, Body, Sampled, TokensOrNone


class SamplingParams(Sampled):
    """``sampling_params`` of ``/generate``."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    max_new_tokens: TokensOrNone | None = 128
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = Field(default=None, alias="sampling_seed")
    json_schema: str | None = None
    regex: str | None = None
    ebnf: str | None = None
    structural_tag: str | None = None

    @model_validator(mode="after")
    def _is_a_form_of_ours(self) -> SamplingParams:
        if self.ebnf or self.structural_tag:
            raise ValueError("ebnf and structural_tag are not supported by this engine; use json_schema or regex")
        return self


class GenerateBody(Body):
    """``POST /generate``. A list of prompts gives a list of answers."""

    text: str | list[str] | None = None
    input_ids: list[int] | list[list[int]] | None = None
    image_data: Any = None
    sampling_params: SamplingParams = Field(default_factory=SamplingParams)
    return_logprob: bool = False
    logprob_start_len: Annotated[int, Field(ge=-1)] = -1
    top_logprobs_num: Annotated[int, Field(ge=0, le=MOST_TOP)] = 0
    return_text_in_logprobs: bool = False
    stream: bool = False
    rid: str | None = None

    @model_validator(mode="after")
    def _has_one_prompt(self) -> GenerateBody:
        if (self.text is None) == (self.input_ids is None):
            raise ValueError("give either text or input_ids")
        if self.image_data:
            raise ValueError("image_data is not supported here; send images to /v1/chat/completions")
        return self


class AbortBody(Body):
    """``POST /abort_request``."""

    rid: str = ""
    abort_all: bool = False
