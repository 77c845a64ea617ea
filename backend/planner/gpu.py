"""The GPUs that are known: what their driver says they hold, and what kernels they can run. Sizes are bytes."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.errors import BackendError

MIB = 2**20
GIB = 2**30
Vendor = Literal["nvidia", "amd"]


class Gpu(BaseModel):
    """One kind of GPU. ``capability`` is CUDA's compute capability times ten (90: Hopper), 0 where there is none.

    ``memory`` is the total that ``nvidia-smi`` or ``rocm-smi`` prints, which SGLang reckons with too.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    vendor: Vendor
    memory: int = Field(gt=0, le=2**50)
    capability: int = Field(default=0, ge=0)

    @property
    def is_data_centre_blackwell(self) -> bool:
        """SM100 and SM103; the Blackwell of workstations is SM120 and has other kernels."""
        return self.vendor == "nvidia" and 100 <= self.capability < 110


def _nvidia(name: str, mib: int, capability: int) -> Gpu:
    return Gpu(name=name, vendor="nvidia", memory=mib * MIB, capability=capability)


def _amd(name: str, mib: int) -> Gpu:
    return Gpu(name=name, vendor="amd", memory=mib * MIB)


CATALOGUE = {
    gpu.name: gpu
    for gpu in (
        # Totals of nvidia-smi, and of rocm-smi for MI300X (206,141,652,992 bytes), as people published them. Those of
        # MI325X, MI350X and MI355X are reckoned from data sheets. What a machine says itself takes precedence.
        _nvidia("H200", 143771, 90),
        _nvidia("H100", 81559, 90),
        _nvidia("H20", 97871, 90),
        _nvidia("GH200", 97871, 90),
        _nvidia("B200", 183359, 100),
        _nvidia("GB200", 189471, 100),
        _nvidia("B300", 275040, 103),
        _nvidia("GB300", 284208, 103),
        _nvidia("A100-80G", 81920, 80),
        _nvidia("A100-40G", 40960, 80),
        _nvidia("A40", 46068, 86),
        _nvidia("A10", 23028, 86),
        _nvidia("L40S", 46068, 89),
        _nvidia("L20", 46068, 89),
        _nvidia("L4", 23034, 89),
        _nvidia("RTX 3090", 24576, 86),
        _nvidia("RTX 4090", 24564, 89),
        _nvidia("RTX 4090 48G", 49140, 89),
        _nvidia("RTX 5090", 32607, 120),
        _nvidia("RTX A6000", 49140, 86),
        _nvidia("RTX 6000 Ada", 49140, 89),
        _nvidia("RTX PRO 6000", 97887, 120),
        _nvidia("V100-32G", 32768, 70),
        _nvidia("T4", 15360, 75),
        _amd("MI300X", 196592),
        _amd("MI325X", 262128),
        _amd("MI350X", 294896),
        _amd("MI355X", 294896),
    )
}
"""By name."""

ALIASES = {
    "h10080g": "H100",
    "h200141g": "H200",
    "h2096g": "H20",
    "b200180g": "B200",
    "b200192g": "B200",
    "gb200192g": "GB200",
    "mi300x192g": "MI300X",
    "a100": "A100-80G",
    "v100": "V100-32G",
    "rtx409024g": "RTX 4090",
    "4090": "RTX 4090",
    "5090": "RTX 5090",
    "3090": "RTX 3090",
    "a6000": "RTX A6000",
    "rtx6000": "RTX 6000 Ada",
    "rtxpro600096g": "RTX PRO 6000",
    "l40s48g": "L40S",
}


def _plain(name: str) -> str:
    """A name without what differs from writer to writer: ``H100-80GB`` and ``h100 80g`` are the same."""
    plain = re.sub(r"\b(sxm\d?|pcie|hbm\d?e?|oam)\b", "", name.lower())
    plain = re.sub(r"[^a-z0-9]", "", plain)
    plain = re.sub(r"^(nvidia|amd|geforce|instinct)+", "", plain)
    return re.sub(r"(\d)gi?b", r"\1g", plain)


def known(name: str) -> Gpu:
    """The GPU of a name as people write it. Raises BackendError, naming those that are known."""
    plain = _plain(name)
    by_name = {_plain(one): gpu for one, gpu in CATALOGUE.items()}
    found = by_name.get(plain) or CATALOGUE.get(ALIASES.get(plain, ""))
    if found is None:
        raise BackendError(
            f"The GPU {name!r} is not known.",
            f"Known are {', '.join(CATALOGUE)}. Others go into an inventory file with memory and capability.",
        )
    return found


def capability_of(name: str) -> int | None:
    """The compute capability of what a driver calls a GPU, such as ``NVIDIA H100 80GB HBM3``; None if unknown."""
    plain = _plain(name)
    fitting = [gpu for one, gpu in CATALOGUE.items() if _plain(one.split("-")[0]) in plain]
    return max(fitting, key=lambda gpu: len(gpu.name)).capability if fitting else None
