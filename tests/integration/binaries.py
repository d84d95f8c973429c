"""Runs the built binaries for the tests of this folder: in a folder of their own, with nobody's settings."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

BIN = pathlib.Path(os.environ["MUSHER_BIN_DIR"])
SOURCE = pathlib.Path(os.environ["MUSHER_SOURCE_DIR"])
HELPERS = ["musher-remote"]  # run by other programs: no options of its own, no completions
PROGRAMS = sorted(path.name for path in (SOURCE / "apps").iterdir() if path.is_dir() and path.name not in HELPERS)


def free_port():
    """A port of loopback that nobody listens on now, as text."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])

# For Shell(within): a test with many commits that is not about disks waits for none.
IN_MEMORY = "/dev/shm"


class Shell:
    """A folder to work in, and an environment in which a command sees nothing else."""

    def __init__(self, within=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="musher-test-", dir=within))
        self.environment = {
            "PATH": f"{BIN}:/usr/bin:/bin",
            "HOME": str(self.folder / "home"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
        }
        (self.folder / "home").mkdir()
        (self.folder / "work").mkdir()
        self.servers = []  # each puts itself here, and has close(), which may be called again

    def close(self):
        for server in self.servers:
            server.close()
        shutil.rmtree(self.folder)

    @property
    def work(self):
        return self.folder / "work"

    def run(self, *command, **options):
        """subprocess.run with text captured; `environment` adds variables."""
        environment = self.environment | options.pop("environment", {})
        options = {"cwd": self.work, "stdin": subprocess.DEVNULL, "capture_output": True, "timeout": 60} | options
        if "input" in options:
            del options["stdin"]
        command = [str(word) for word in command]
        return subprocess.run(command, env=environment, encoding="utf-8", errors="surrogateescape", check=False, **options)

    def musher(self, *arguments, **options):
        return self.run(BIN / "musher", *arguments, **options)

    def sql(self, database, statements):
        done = self.run("sqlite3", database, statements)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def copy_of(self, log, name, damage=""):
        """A copy of a log, made as users are told to; with `damage`, changed behind its triggers' back."""
        (self.work / name).unlink(missing_ok=True)
        self.sql(log, f"VACUUM INTO '{name}'")
        if damage:
            triggers = ("crdt_ops_no_replace", "crdt_ops_no_delete", "crdt_ops_no_update")
            self.sql(name, "".join(f"DROP TRIGGER {trigger};" for trigger in triggers) + damage)
        return name
