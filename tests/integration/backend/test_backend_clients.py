"""The official clients of OpenAI and Anthropic against the engine, over HTTP: one table, a played and a real model."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from backend_client_table import SCRIPT, TABLE, Target

from backend.api.testing import played, write_words


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server that plays the table's script, with a key."""
    folder = tmp_path_factory.mktemp("words")
    write_words(folder)
    with played(folder, SCRIPT, api_key="secret") as server:
        yield Target(server.url, key="secret")


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.__name__)
def test_the_played_model_passes_the_table(target: Target, case: Callable[[Target], None]) -> None:
    case(target)
