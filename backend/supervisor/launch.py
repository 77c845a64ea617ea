"""What is launched: one command of a plan, made into an argument list, an environment and an address."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from backend.errors import LaunchFailed
from backend.planner.plan import KEY_VARIABLE, SECRET_OPTIONS, NodeCommand

ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}
DEFAULT_PORT = 30000
ENGINE_KEY = "BACKEND_API_KEY"
ENGINE_ENDS_S = 5.0


@dataclass(frozen=True, slots=True)
class Launch:
    """One process to supervise. ``url`` is where it answers, "" on a node that does not answer HTTP.

    ``patience_s`` is how long it may say nothing while it loads, ``drain_s`` how long its requests may take to finish
    when it is told to stop.
    """

    argv: tuple[str, ...]
    environment: dict[str, str] = field(repr=False)
    folder: Path
    host: str
    port: int
    url: str
    ready_path: str = "/ready"
    metrics_path: str = "/metrics"
    secrets: tuple[str, ...] = field(default=(), repr=False)
    patience_s: float = 3600.0
    drain_s: float = 60.0

    def at(self, ready_path: str, metrics_path: str) -> Launch:
        """The same for a program that says elsewhere that it is ready, and how it does."""
        return replace(self, ready_path=ready_path, metrics_path=metrics_path)

    def check(self) -> None:
        """Looks whether the port is free: SGLang itself does so only after it has read all weights.

        Raises LaunchFailed.
        """
        if not self.url:
            return
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((self.host, self.port))
            except OSError as error:
                raise LaunchFailed(
                    f"The port {self.port} at {self.host} cannot be taken: {error.strerror}.",
                    "Stop what uses it, or choose another one with --port.",
                ) from error


def launch(
    command: NodeCommand,
    python: Path,
    folder: Path,
    *,
    api_key: str = "",
    variables: dict[str, str] | None = None,
    patience_s: float = 3600.0,
    drain_s: float = 60.0,
) -> Launch:
    """A plan's command with the interpreter of SGLang's environment in it. ``folder`` is where it runs.

    ``variables`` are the environment's own. The key is given to the node that answers HTTP; SGLang takes it only as
    an option, so others with an account on this machine can read it in the list of processes.
    """
    argv = [str(python) if word == "python" and not at else word for at, word in enumerate(command.argv)]
    serves = command.rank == 0
    if api_key and serves and "--api-key" not in argv:
        argv += ["--api-key", api_key]
    host, port = option(argv, "--host") or "127.0.0.1", int(option(argv, "--port") or DEFAULT_PORT)
    return Launch(
        argv=tuple(argv),
        environment=_inherited() | (variables or {}) | command.env,
        folder=folder,
        host=host,
        port=port,
        url=_url(ANY.get(host, host), port) if serves else "",
        secrets=tuple(filter(None, (api_key, *(option(argv, name) for name in SECRET_OPTIONS)))),
        patience_s=patience_s,
        drain_s=drain_s,
    )


def launch_engine(command: NodeCommand, folder: Path, *, api_key: str = "", drain_s: float = 60.0) -> Launch:
    """The CPU engine's command with our own interpreter and variables; it takes its key from the environment."""
    told = command.model_copy(update={"argv": [*command.argv, "--drain", f"{drain_s:g}"]})
    plain = launch(told, Path(sys.executable), folder, drain_s=drain_s + ENGINE_ENDS_S)
    return replace(plain, environment=dict(os.environ) | {ENGINE_KEY: api_key} | command.env, secrets=(api_key,))


def option(argv: list[str], name: str) -> str:
    """The value of an option in an argument list, "" where it is not given."""
    for at, word in enumerate(argv):
        if word == name and at + 1 < len(argv):
            return argv[at + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return ""


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _inherited() -> dict[str, str]:
    """Our own variables, without those of our own virtual environment and our secrets."""
    ours = ("PYTHON", "VIRTUAL_ENV", "CLAWGROUPS_", "BACKEND_", KEY_VARIABLE)
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {"PYTHONUNBUFFERED": "1"}
