"""Fetch files into a new library as a job does, and say how long that took and what it needed.

``fetch_job.py STORE BASE-URL FOLDER`` fetches every file of FOLDER, as BASE-URL serves them: from
the plan to the models filed. Python's own start and the listing are not in it.
"""

import hashlib
import json
import resource
import sys
import time
from pathlib import Path

from modelfs.fetch.choice import Choice
from modelfs.fetch.listing import Listing, RemoteFile
from modelfs.library import create_library
from modelfs.library.fetch_plan import FetchPlan, PlannedFetch
from modelfs.library.fetching import create_job, run_job
from modelfs.library.jobs import find


def main() -> None:
    """Fetch, and print a line of JSON."""
    store, base, folder = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    files = [_remote(path, base) for path in sorted(folder.iterdir()) if path.suffix != ".sha256"]
    listing = Listing("hf:bench/files@" + "0" * 40, "bench/files", files)
    planned = [PlannedFetch(file, (file.sha256 or "")[:40], None, 0) for file in files]
    plan = FetchPlan("hf:bench/files", listing, Choice(files, ()), planned, ("files",))
    with create_library(store, store.with_name("mount")) as library:
        begun = time.perf_counter()
        added = run_job(library, find(library, create_job(library, plan)))
        seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    fetched = sum(model.new_bytes for model in added)
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_bytes": peak, "bytes": fetched}) + "\n")


def _remote(path: Path, base: str) -> RemoteFile:
    known = path.with_name(path.name + ".sha256")
    if not known.exists():
        with path.open("rb") as file:
            known.write_text(hashlib.file_digest(file, "sha256").hexdigest())
    url = f"{base}/{path.name}"
    return RemoteFile(path.name, path.stat().st_size, url, sha256=known.read_text())


if __name__ == "__main__":
    main()
