"""Call functions of whatever huggingface_hub this Python has, and tell what each gave.

Run by the Python of each version, so it imports nothing else. Its argument is a list of calls in
JSON, its last line the list of answers: ``{"gave": …}`` or ``{"raised": the error's name}``.
"""

import json
import sys
from pathlib import Path

import huggingface_hub
from huggingface_hub.constants import HF_HUB_CACHE


def main() -> None:
    """Answer the calls, in their order."""
    answers = []
    for name, arguments in json.loads(sys.argv[1]):
        try:
            answers.append({"gave": _CALLS[name](**arguments)})
        except Exception as error:
            answers.append({"raised": type(error).__name__, "said": str(error)})
    sys.stdout.write(json.dumps(answers) + "\n")


def version() -> str:
    """Tell which version this is."""
    return huggingface_hub.__version__


def scan() -> object:
    """Tell what is in the cache, and what is wrong with it."""
    found = huggingface_hub.scan_cache_dir()
    repositories = {}
    for repo in found.repos:
        revisions = {}
        for each in repo.revisions:
            files = sorted(str(f.file_path.relative_to(each.snapshot_path)) for f in each.files)
            revisions[each.commit_hash] = {"refs": sorted(each.refs), "files": files}
        repositories[f"{repo.repo_type} {repo.repo_id}"] = revisions
    return {"repositories": repositories, "warnings": [str(each) for each in found.warnings]}


def download(**arguments: object) -> object:
    """Get one file; tell where it is and what is in it."""
    path = Path(huggingface_hub.hf_hub_download(**arguments))  # type: ignore[arg-type]
    return [_below(path), path.read_text()]


def snapshot(**arguments: object) -> object:
    """Get a repository; tell where it is and what is in its files."""
    folder = Path(huggingface_hub.snapshot_download(**arguments))  # type: ignore[arg-type]
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [_below(folder), {str(path.relative_to(folder)): path.read_text() for path in files}]


def cached(**arguments: object) -> object:
    """Tell where the cache has a file, if it does."""
    found = huggingface_hub.try_to_load_from_cache(**arguments)  # type: ignore[arg-type]
    return _below(Path(found)) if isinstance(found, str) else None


def _below(path: Path) -> str:
    return str(path.relative_to(HF_HUB_CACHE))


_CALLS = {each.__name__: each for each in (version, scan, download, snapshot, cached)}


if __name__ == "__main__":
    main()
