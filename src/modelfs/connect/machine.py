"""The machine as far as finding tools needs it: a home, an environment, and where ``/`` is."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelfs.errors import BadInput

_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Machine:
    """Whose tools are looked for, and where."""

    home: Path
    environment: Mapping[str, str]
    root: Path = Path("/")
    """Where absolute places of tools lie; another one is for trying things out."""

    @classmethod
    def here(cls) -> "Machine":
        """Return this machine, for the user of this process."""
        return cls(Path.home(), dict(os.environ))

    def fields(self) -> dict[str, str]:
        """Return the places that the data of tools may name in braces."""
        return {
            "home": str(self.home),
            "config": self._xdg("XDG_CONFIG_HOME", ".config"),
            "data": self._xdg("XDG_DATA_HOME", ".local/share"),
            "cache": self._xdg("XDG_CACHE_HOME", ".cache"),
        }

    def path(self, template: str, fields: Mapping[str, str] | None = None) -> Path:
        """Return the path that a template of a tool's data means here."""
        if template.startswith("/"):
            return self.root / filled(template[1:], fields or {})
        return Path(filled(template, {**self.fields(), **(fields or {})}))

    def program(self, name: str) -> Path | None:
        """Return where a program is on the PATH of this machine."""
        for folder in self.environment.get("PATH", "").split(":"):
            candidate = Path(folder) / name
            if folder.startswith("/") and candidate.is_file() and os.access(candidate, os.X_OK):
                return candidate
        return None

    def _xdg(self, variable: str, fallback: str) -> str:
        value = self.environment.get(variable, "")
        return value if value.startswith("/") else str(self.home / fallback)


def filled(template: str, fields: Mapping[str, str]) -> str:
    """Replace ``{name}`` by the field of that name; raise BadInput for one that is not known."""

    def field(match: re.Match[str]) -> str:
        if match[1] not in fields:
            raise BadInput(f"{template!r} names {{{match[1]}}}, which is not known here")
        return fields[match[1]]

    return _FIELD.sub(field, template)
