"""Where the services are, and which origins may see whose token.

``HF_ENDPOINT`` is huggingface_hub's own variable; the others are ours, for mirrors.
"""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from modelfs.fetch.listing import Access

_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses of the services, without a slash at the end."""

    hub: str = "https://huggingface.co"
    civitai: str = "https://civitai.com"
    ollama: str = "https://registry.ollama.ai"
    modelscope: str = "https://modelscope.cn"

    @classmethod
    def configured(cls) -> "Endpoints":
        """Read them from the environment."""
        usual = cls()
        return cls(
            _variable("HF_ENDPOINT", usual.hub),
            _variable("MODELFS_CIVITAI", usual.civitai),
            _variable("MODELFS_OLLAMA", usual.ollama),
            _variable("MODELFS_MODELSCOPE", usual.modelscope),
        )

    def may_see(self, access: Access, url: str) -> bool:
        """Say whether a request to ``url`` may carry the token of ``access``.

        Only the service's own origin: a token sent to the host that a redirect leads to, as to a
        CDN, is a token given away.
        """
        if not access:
            return False
        home = {"hub": self.hub, "civitai": self.civitai, "modelscope": self.modelscope}[access]
        return _origin(url) == _origin(home)


def _variable(name: str, usual: str) -> str:
    return (os.environ.get(name) or usual).rstrip("/")


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return (
        parts.scheme,
        (parts.hostname or "").lower(),
        parts.port or _DEFAULT_PORTS.get(parts.scheme),
    )
