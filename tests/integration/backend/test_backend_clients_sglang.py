"""The official clients of OpenAI and Anthropic against real SGLang on this CPU: the same table that the engine passes.

What SGLang does otherwise stands in the table, at the case.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from backend_client_table import TABLE, Target
from backend_servers import Served, sglang_checkpoint, sglang_python, sglang_server

__all__ = ["sglang_checkpoint", "sglang_python", "sglang_server"]
pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.__name__)
def test_sglang_passes_the_table(sglang_server: Served, case: Callable[[Target], None]) -> None:
    served = sglang_server
    case(Target(served.url, model=served.name, key=served.key, context=served.context, played=False, sees=True))
