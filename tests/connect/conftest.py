"""A machine in a temporary folder, with the settings that people really have."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from modelfs.connect import Machine, Plan, apply, plan_connect, plan_disconnect

settings.register_profile(
    "connect", deadline=None, max_examples=150, derandomize=True, database=None
)


@dataclass(frozen=True)
class Desk:
    """One user's machine, where the mount would be, and where connections are remembered."""

    machine: Machine
    mountpoint: Path
    state: Path

    @property
    def home(self) -> Path:
        return self.machine.home

    def folder(self, tool: str) -> Path:
        return self.mountpoint / "by-tool" / tool

    def plan(self, tool: str, at: Path | None = None) -> Plan:
        return plan_connect(tool, self.machine, self.mountpoint, self.state, at)

    def plan_back(self, tool: str) -> Plan:
        return plan_disconnect(tool, self.machine, self.mountpoint, self.state)

    def connect(self, tool: str, at: Path | None = None) -> Plan:
        plan = self.plan(tool, at)
        apply(plan, self.state)
        return plan

    def disconnect(self, tool: str) -> Plan:
        plan = self.plan_back(tool)
        apply(plan, self.state)
        return plan

    def everything(self) -> dict[str, object]:
        """Return what is in the home and below the root: equal when nothing changed."""
        found: dict[str, object] = {}
        for top in (self.home, self.machine.root):
            for path in top.rglob("*"):
                if path.is_symlink():
                    found[str(path)] = str(path.readlink())
                elif path.is_file():
                    found[str(path)] = path.read_bytes(), path.stat().st_mode
                else:
                    found[str(path)] = "folder"
        return found

    def records(self) -> list[str]:
        folder = self.state / "connections"
        return sorted(path.name for path in folder.glob("*.json")) if folder.is_dir() else []


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A machine without any tool."""
    home, root = tmp_path / "home", tmp_path / "root"
    home.mkdir()
    root.mkdir()
    machine = Machine(home, {"PATH": str(home / "bin")}, root)
    return Desk(machine, Path("/home/ada/AI/models"), tmp_path / "state")
