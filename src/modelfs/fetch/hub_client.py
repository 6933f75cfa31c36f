"""What we use of huggingface_hub, loaded only when it is needed: it takes a second.

Its telemetry is switched off before the import, which is when it looks; nothing imports it past
this module but ``hub_errors``, which this one loads.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from modelfs.errors import AccessDenied, ModelfsError, Unreachable
from modelfs.fetch import hub_tokens
from modelfs.fetch.endpoints import Endpoints
from modelfs.fetch.hub_requests import Client, persist
from modelfs.fetch.web import Web

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo, RepoFile, RepoSibling

_SILENCE = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "HF_XET_TELEMETRY_ENABLED": "0",
    "HF_XET_LOG_DEST": "/dev/null",  # else a file in its cache folder, begun by the import
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_EXPERIMENTAL_WARNING": "1",
    "HF_HUB_VERBOSITY": "error",
}
_MANY_FILES = 5000
"""From here on the files are listed by pages: one answer for all would take the hub too long."""
LARGEST_PLAIN_BYTES = 50 * 10**9
"""huggingface_hub's own limit for plain HTTP (file_download.py, MAX_HTTP_DOWNLOAD_SIZE)."""
_SEARCHED = ["cardData", "downloads", "gated", "lastModified", "likes", "pipeline_tag", "tags"]
_T = TypeVar("_T")
Sort = Literal["downloads", "likes", "updated"]
_SORTS: Mapping[Sort, str] = {
    "downloads": "downloads",
    "likes": "likes",
    "updated": "last_modified",
}


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository, as the hub describes it."""

    path: str
    size_bytes: int | None
    sha256: str | None = None
    git_sha1: str | None = None
    """None for a large file: the hub gives that of its pointer, not of its bytes."""
    xet_hash: str | None = None


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model's repository, as the hub describes it."""

    repository: str
    """As it is called now: an old name leads to the new one."""
    commit: str = ""
    files: Sequence[HubFile] = ()
    card: Mapping[str, object] = field(default_factory=dict)
    tags: Sequence[str] = ()
    task: str | None = None
    library: str | None = None
    gated: str = ""
    """``auto`` or ``manual`` where terms must be accepted."""
    private: bool = False
    downloads: int = 0
    likes: int = 0
    updated: datetime | None = None
    gguf: Mapping[str, object] = field(default_factory=dict)
    """What the hub read from GGUF headers: ``total``, ``architecture``, ``context_length``."""
    parameters: int | None = None
    """Summed over the safetensors files by the hub."""


class Hub:
    """What we use of huggingface_hub."""

    def get_token(self) -> str | None:
        """Return the user's token, from wherever huggingface_hub reads it.

        Raises AccessDenied where there is one that cannot be read.
        """
        import huggingface_hub
        from huggingface_hub.errors import OIDCError

        try:
            return huggingface_hub.get_token()
        except (OSError, UnicodeDecodeError):
            raise AccessDenied("the stored token of the hub cannot be read") from None
        except OIDCError:
            raise AccessDenied("HF_OIDC_RESOURCE is set, but gives no token") from None

    def whoami(self, token: str, endpoint: str) -> str:
        """Return the name of the user a token belongs to; AccessDenied when of nobody."""
        return self._identity(token, endpoint)[0]

    def store_token(self, token: str, endpoint: str) -> tuple[Path, str]:
        """Keep a token where huggingface_hub keeps it, 0600; return where, and the user's name.

        Raises AccessDenied for one that the hub does not know, Unreachable, OSError.
        """
        user, name = self._identity(token, endpoint)
        return hub_tokens.keep(_token_file(), name, token), user

    def token_file(self) -> Path:
        """Return where huggingface_hub keeps the token in use."""
        return _token_file()

    def forget_token(self) -> bool:
        """Remove the stored token; say whether there was one."""
        return hub_tokens.forget(_token_file())

    def model(self, web: Web, repository: str, revision: str | None = None) -> HubModel:
        """Return all that the hub says of a model at one moment, its files too.

        Raises BadInput, NotFound, AccessDenied and Unreachable.
        """

        def ask(api: "HfApi") -> HubModel:
            info = api.model_info(
                repository, revision=revision, files_metadata=True, timeout=web.stall_s
            )
            return _model(info)

        model = self._ask(web, ask, repository, revision)
        if len(model.files) >= _MANY_FILES or _needs_xet_hashes(web, model):
            return self._with_tree(web, model)
        return model

    def search(
        self, web: Web, words: str, limit: int, *, task: str | None = None, sort: Sort | None = None
    ) -> list[HubModel]:
        """Return the models the hub finds for these words, without their files; as ``model``.

        Those for any task, in the hub's own order, unless told.
        """
        wanted: dict[str, Any] = {"search": words, "limit": limit, "expand": _SEARCHED}
        wanted |= {"pipeline_tag": task} if task else {}
        wanted |= {"sort": _SORTS[sort]} if sort else {}

        def ask(api: "HfApi") -> list[HubModel]:
            return [_model(info) for info in api.list_models(**wanted)]

        return self._ask(web, ask, "", None)

    def _with_tree(self, web: Web, model: HubModel) -> HubModel:
        """Take the files from the tree: complete however many, and with their Xet hashes."""
        from dataclasses import replace

        from huggingface_hub.hf_api import RepoFile

        def ask(api: "HfApi") -> list[HubFile]:
            tree = api.list_repo_tree(model.repository, recursive=True, revision=model.commit)
            return [_file(entry) for entry in tree if isinstance(entry, RepoFile)]

        return replace(model, files=self._ask(web, ask, model.repository, model.commit))

    def _ask(
        self, web: Web, ask: Callable[["HfApi"], _T], repository: str, revision: str | None
    ) -> _T:
        import huggingface_hub

        from modelfs.fetch.hub_errors import explained

        token = web.tokens.get("hub")
        api = huggingface_hub.HfApi(endpoint=web.endpoints.hub, token=token or False)
        try:
            return persist(web, repository or "the hub's models", lambda: ask(api))
        except ModelfsError:
            raise
        except Exception as error:
            # What it may raise is not written down; strangers' JSON makes more of it.
            raise explained(error, web.endpoints.hub, repository, revision, bool(token)) from None

    def _identity(self, token: str, endpoint: str) -> tuple[str, str]:
        """Return the user's name and the token's."""
        import huggingface_hub

        from modelfs.fetch.hub_errors import explained

        api = huggingface_hub.HfApi(endpoint=endpoint, token=token)
        try:
            with Web(Endpoints(hub=endpoint)) as web:
                said = persist(web, "the owner of that token", lambda: api.whoami(token=token))
        except ModelfsError:
            raise
        except Exception as error:
            raise explained(error, endpoint, "", None, with_token=True) from None
        user = said.get("name") if isinstance(said, dict) else None
        if not isinstance(user, str) or not user:
            raise Unreachable(f"{endpoint} does not say whose token that is")
        return user, hub_tokens.name_of(said, user)


def _needs_xet_hashes(web: Web, model: HubModel) -> bool:
    """Say whether some file is to come by way of Xet, whose hash only the tree has."""
    if web.xet == "always":
        return any(file.sha256 for file in model.files)
    sizes = (file.size_bytes or 0 for file in model.files)
    return web.xet != "never" and max(sizes, default=0) > LARGEST_PLAIN_BYTES


def _token_file() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_TOKEN_PATH)


def _model(info: "ModelInfo") -> HubModel:
    card: Any = info.card_data
    return HubModel(
        repository=info.id,
        commit=info.sha or "",
        files=[_file(sibling) for sibling in info.siblings or ()],
        card={} if card is None else {key: value for key, value in vars(card).items() if value},
        tags=[tag for tag in info.tags or () if isinstance(tag, str)],
        task=info.pipeline_tag,
        library=info.library_name,
        gated=info.gated if isinstance(info.gated, str) else "auto" if info.gated else "",
        private=bool(info.private),
        downloads=info.downloads or 0,
        likes=info.likes or 0,
        updated=info.last_modified,
        gguf=info.gguf if isinstance(info.gguf, dict) else {},
        parameters=info.safetensors.total if info.safetensors else None,
    )


def _file(entry: "RepoSibling | RepoFile") -> HubFile:
    large = entry.lfs
    return HubFile(
        path=entry.rfilename,
        size_bytes=large.size if large else entry.size,
        sha256=large.sha256 if large else None,
        git_sha1=None if large else entry.blob_id,
        xet_hash=getattr(entry, "xet_hash", None),
    )


@cache
def hub() -> Hub:
    """Return it, loaded and silent."""
    os.environ.update({name: os.environ.get(name, value) for name, value in _SILENCE.items()})
    import huggingface_hub

    # What the usual client does with each request, such as refusing when it is to stay offline.
    hooks = huggingface_hub.get_session().event_hooks
    huggingface_hub.set_client_factory(
        lambda: Client(event_hooks=hooks, follow_redirects=True, timeout=None)
    )
    return Hub()
