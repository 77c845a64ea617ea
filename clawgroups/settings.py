"""Configuration: one place, from the environment (``CLAWGROUPS_...``) and the command line."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything that can be set. Reading it touches no file."""

    model_config = SettingsConfigDict(env_prefix="CLAWGROUPS_", extra="ignore")

    home: Path = Field(default_factory=lambda: Path.home() / ".clawgroups")
    """Folder of the database, secrets and workspaces."""

    database: str = ""
    """SQLAlchemy URL (``postgresql+asyncpg://...``); empty means SQLite in ``home``."""

    host: str = "127.0.0.1"
    """Address to listen on. Anything but loopback needs ``open_to_network``."""

    open_to_network: bool = False
    """Says in so many words that other machines may reach this server, under any name. Needs sign-in."""

    port: int = 8700
    """0 picks a free one."""

    runner: bool = True
    """Start and supervise a runner beside the server."""

    folder: Path = Field(default_factory=Path.cwd)
    """The folder that the survey template offers first."""

    launch_burst: int = 5
    """Sub-agents launched at once, before the ramp."""

    launch_per_s: float = 8.0
    """Sub-agents launched per second after the burst."""

    lease_s: float = 120.0
    """How long a person keeps the wheel without a sign of life."""

    stop_timeout_s: float = 5.0
    """After this a driver that does not prove its stop is killed with its runner."""

    backend: str = ""
    """The bundled model server: a checkpoint's folder, which is served here, or the address of a control elsewhere."""

    backend_options: str = ""
    """Options of ``python -m backend serve`` for a folder that is served here, as in a shell."""

    backend_port: int = 8711
    """Port of the model server's own API, when it is started here."""

    backend_python: str = ""
    """The Python that has the backend's packages; empty means this program's own."""

    backend_token: str = ""
    """What the control of a backend elsewhere wants to be shown."""

    @property
    def database_url(self) -> str:
        """The URL in force."""
        return self.database or f"sqlite+aiosqlite:///{self.home / 'clawgroups.db'}"

    @property
    def work(self) -> Path:
        """Folder of all workspaces."""
        return self.home / "work"
