"""A private PostgreSQL server in a temporary folder of its own, on a free port of the loopback address."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

START_S = 30.0


class PostgresServer:
    """Use it as a context manager. Raises RuntimeError naming the package when PostgreSQL is not installed.

    Without ``synced`` it survives its own death but not the machine's, and makes databases much faster.
    """

    def __init__(self, *, synced: bool = True) -> None:
        self._synced = synced
        self._bin = _programs()
        self._port = _free_port()
        self._user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None  # the server refuses to run as root
        # Its own folder right under the system's: a test run's folders are closed to other users, again and again.
        self._folder = Path(tempfile.mkdtemp(prefix="clawgroups-postgres-"))
        self._data, self._log = self._folder / "data", self._folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        """SQLAlchemy URL of a database on this server."""
        return f"postgresql+asyncpg://claw@127.0.0.1:{self._port}/{database}"

    def create(self, database: str, template: str = "template0") -> None:
        """Makes a database: an empty one, or a copy of one that nobody is connected to."""
        self._run("createdb", *self._address, "--template", template, "--strategy", "file_copy", database)

    def drop(self, database: str) -> None:
        """Removes a database, cutting whoever is still connected."""
        self._run("dropdb", *self._address, "--force", database)

    def __enter__(self) -> PostgresServer:
        if self._user is not None:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        command = ["initdb", "-D", str(self._data), "-U", "claw", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
        try:
            self._run(*command, *(() if self._synced else ("--no-sync",)))
            self.start()
        except BaseException:
            shutil.rmtree(self._folder)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def stop(self, *, at_once: bool = False) -> None:
        """Stops the server and cuts its clients: cleanly, or ``at_once``, after which it must recover."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
            process.wait(START_S)

    def start(self) -> None:
        """Starts it (again), on the same port. Raises RuntimeError with the end of its log when it does not."""
        options = ["-p", str(self._port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        if not self._synced:
            options += ["-c", "fsync=off"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command("postgres", "-D", str(self._data), *options),
                stdout=log,
                stderr=log,
                user=self._uid,
                cwd="/",
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        command = self._command("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self._port))
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            self._command(program, *arguments), check=False, capture_output=True, text=True, user=self._uid, cwd="/"
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stderr.strip()[-500:]}")

    @property
    def _address(self) -> tuple[str, ...]:
        return "-h", "127.0.0.1", "-p", str(self._port), "-U", "claw"

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [str(self._bin / program), *arguments]

    @property
    def _uid(self) -> int | None:
        return self._user.pw_uid if self._user else None


def _programs() -> Path:
    """The newest installed server's programs; Debian keeps them off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    if on_path is None or shutil.which("initdb") is None:
        raise RuntimeError("PostgreSQL is not installed (Debian: apt-get install postgresql).")
    return Path(on_path).resolve().parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
