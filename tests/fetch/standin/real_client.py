"""The real huggingface_hub, in a process of its own, because it reads the environment at import.

As a program: its argument is a list of calls in JSON, its last line the list of answers,
``{"gave": ...}`` or ``{"raised": the error's name, "status": ...}``.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

Call = tuple[str, dict[str, Any]]


def ask(endpoint: str, home: Path, calls: list[Call], **environment: str) -> list[Any]:
    """Return what each call of the real client gave, with its own state below ``home``."""
    unwanted = ("HF_", "HUGGING", "XDG_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
    own = {
        "HOME": str(home),
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home / "hf"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
    done = subprocess.run(
        [sys.executable, __file__, json.dumps(calls)],
        env=kept | own | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    answers: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return answers


def main() -> None:
    """Answer the calls, in their order."""
    answers = []
    for name, arguments in json.loads(sys.argv[1]):
        try:
            answers.append({"gave": globals()[f"call_{name}"](**arguments)})
        except Exception as error:
            response = getattr(error, "response", None)
            status = getattr(response, "status_code", None)
            answers.append({"raised": type(error).__name__, "said": str(error), "status": status})
    sys.stdout.write(json.dumps(answers) + "\n")


def call_info(**arguments: Any) -> object:
    """Tell what there is to know of a repository."""
    from huggingface_hub import HfApi

    told = HfApi().model_info(**arguments)
    files = {
        each.rfilename: [each.size, each.blob_id, each.lfs and each.lfs.sha256]
        for each in told.siblings or ()
    }
    return {
        "sha": told.sha,
        "files": files,
        "tags": told.tags,
        "gated": told.gated,
        "card": told.card_data.to_dict() if told.card_data else None,
        "gguf": told.gguf,
        "total": told.safetensors and told.safetensors.total,
        "used": told.used_storage,
    }


def call_tree(**arguments: Any) -> object:
    """Tell the entries of a tree, all its pages."""
    from huggingface_hub import HfApi

    return [_entry(each) for each in HfApi().list_repo_tree(**arguments)]


def call_paths(**arguments: Any) -> object:
    """Tell the entries of some paths."""
    from huggingface_hub import HfApi

    return [_entry(each) for each in HfApi().get_paths_info(**arguments)]


def call_refs(**arguments: Any) -> object:
    """Tell the branches and tags with their commits."""
    from huggingface_hub import HfApi

    refs = HfApi().list_repo_refs(**arguments)
    return {each.ref: each.target_commit for each in [*refs.branches, *refs.tags]}


def call_search(**arguments: Any) -> object:
    """Tell which models a search finds, with the fields that were asked for."""
    from huggingface_hub import HfApi

    wanted = arguments.get("expand", ())
    found = HfApi().list_models(**arguments)
    return [[each.id, *(getattr(each, name) for name in wanted)] for each in found]


def call_whoami(**arguments: Any) -> object:
    """Tell whose a token is."""
    from huggingface_hub import HfApi

    return HfApi().whoami(**arguments)["name"]


def call_download(**arguments: Any) -> object:
    """Get one file; tell what is in it."""
    from huggingface_hub import hf_hub_download

    return digest(Path(hf_hub_download(**arguments)).read_bytes())


def call_snapshot(**arguments: Any) -> object:
    """Get a repository; tell what is in its files."""
    from huggingface_hub import snapshot_download

    folder = Path(snapshot_download(**arguments))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): digest(path.read_bytes()) for path in files}


def call_auth_check(**arguments: Any) -> None:
    """Raise unless the files may be read."""
    from huggingface_hub import HfApi

    HfApi().auth_check(**arguments)


def digest(content: bytes) -> str:
    """Return the SHA-256 by which contents are compared."""
    return hashlib.sha256(content).hexdigest()


def _entry(entry: Any) -> list[Any]:
    if not hasattr(entry, "size"):
        return [entry.path]
    return [entry.path, entry.size, entry.blob_id, entry.lfs and entry.lfs.sha256]


if __name__ == "__main__":
    main()
