"""What is there to be asked while a server comes up, serves, and goes down."""

from __future__ import annotations

import time
from typing import Any

from backend.api.faults import NotReady
from backend.api.service import Service


class Host:
    """Where a service will be. ``fraction`` (0 to 1, None where nobody knows) and ``sentence`` say how far it is."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sentence = "Starting."
        self.fraction: float | None = None
        self.stopping = False
        self._service: Service | None = None
        self._since = time.monotonic()

    def progress(self, sentence: str, fraction: float | None = None) -> None:
        """How far loading is. From any thread."""
        self.sentence, self.fraction = sentence, fraction

    def opened(self, service: Service) -> None:
        """From now on it serves."""
        self._service = service
        self.progress("Ready.", 1.0)

    @property
    def service(self) -> Service:
        """The service. Raises NotReady while it loads, and again when it goes down or its engine has failed."""
        if self.stopping:
            raise NotReady("The server is shutting down.", "Ask another one, or this one when it is back.")
        if self._service is None:
            raise NotReady(f"The model is still being loaded: {self.sentence}", "Ask /ready until it answers 200.")
        if self.broken:
            raise NotReady(f"The engine has failed: {self.broken}", "Restart the server; its log says more.")
        return self._service

    @property
    def broken(self) -> str:
        """Why the engine goes on no more, "" while it does."""
        return self._service.stats().error if self._service is not None else ""

    @property
    def known(self) -> Service | None:
        """The service in whatever state it is, for its figures."""
        return self._service

    def status(self) -> tuple[int, dict[str, Any]]:
        """HTTP status and body of ``/ready``."""
        told: dict[str, Any] = {"model": self.name, "seconds": round(time.monotonic() - self._since, 1)}
        try:
            ready = self.service
        except NotReady as not_yet:
            word = "stopping" if self.stopping else "loading" if self._service is None else "failed"
            return 503, told | {"status": word, "sentence": str(not_yet), "fraction": self.fraction}
        return 200, told | {"status": "ready", "sentence": "Ready.", "fraction": 1.0, "context": ready.model.context}
