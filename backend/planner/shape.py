"""A model as the planner sees it: how many bytes of which kind of weight, and what a token keeps in the cache.

Knows sizes only; where they come from (formulas, an index, the catalogue) is in ``parts.py`` and ``model.py``.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Attention = Literal["mla", "gqa"]


class Weights(BaseModel):
    """Bytes of a checkpoint by how SGLang places them.

    ``attention`` is cut by heads; ``key_value`` too, but no finer than there are heads of keys; ``latent`` (MLA's
    down-projections and the norms beside them), ``router``, ``vision`` and ``other`` (norms) lie on every GPU whole.
    ``unused``: layers that are only loaded for speculative decoding.
    """

    model_config = ConfigDict(frozen=True)

    embedding: int = 0
    head: int = 0
    attention: int = 0
    key_value: int = 0
    latent: int = 0
    dense: int = 0
    shared: int = 0
    experts: int = 0
    router: int = 0
    vision: int = 0
    other: int = 0
    unused: int = 0

    @property
    def loaded(self) -> int:
        """What a server loads of it."""
        return self.total - self.unused

    @property
    def total(self) -> int:
        return sum(getattr(self, name) for name in type(self).model_fields)


class Scheme(BaseModel):
    """How weights are stored. ``group`` inputs share a scale (None: no groups); ``block`` outputs do, for FP8.

    ``bits``: of linear layers outside the routed experts; ``expert_bits``: of those. Scales are counted in.
    """

    model_config = ConfigDict(frozen=True)

    name: str = "bf16"
    bits: float = 16
    expert_bits: float = 16
    group: int | None = None
    block: int | None = None

    @property
    def is_int4(self) -> bool:
        return self.group is not None


BF16 = Scheme()
FP8 = Scheme(name="FP8", bits=8 + 32 / 128**2, expert_bits=8 + 32 / 128**2, block=128)


class Shape(BaseModel):
    """Sizes in elements, lengths in tokens. ``key_values`` and ``head`` (its width) say nothing for MLA.

    ``latent``: what one token keeps in one layer's cache under MLA. ``absorbed``: bytes that MLA's up-projection takes
    a second time once loaded, transposed for decoding.
    """

    model_config = ConfigDict(frozen=True)

    architecture: str
    attention: Attention
    layers: int = Field(gt=0)
    hidden: int = Field(gt=0)
    heads: int = Field(gt=0)
    key_values: int = Field(default=1, gt=0)
    head: int = Field(default=0, ge=0)
    latent: int = Field(default=0, ge=0)
    experts: int = Field(default=0, ge=0)
    expert_inner: int = Field(default=0, ge=0)
    inner: int = Field(default=0, ge=0)
    context: int = Field(gt=0)
    sees: bool = False
    vision_layers: int = 0
    vision_hidden: int = 0
    absorbed: int = 0
    scheme: Scheme = BF16
    weights: Weights = Weights()


class Model(BaseModel):
    """A model that can be planned for. ``path`` is what SGLang gets: a folder, or a repository on Hugging Face.

    ``tools`` and ``reasoning`` are SGLang's names of the parsers, "" for none. ``notes`` says how the sizes were found.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    path: str
    shape: Shape
    tools: str = ""
    reasoning: str = ""
    notes: tuple[str, ...] = ()
