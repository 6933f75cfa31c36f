"""The process that ``launch.start`` spawns: detaches, mounts, and says in one line how it went."""

import argparse
import json
import logging
import os
import sys
from pathlib import Path

from modelfs.errors import ModelfsError
from modelfs.fs.launch import serve
from modelfs.service.notify import SOCKET_VARIABLE

log = logging.getLogger(__name__)


def main() -> None:
    """Serve a store's mount; the descriptor ``pipe`` gets one line of JSON."""
    parser = argparse.ArgumentParser(prog="modelfs.fs.process")
    parser.add_argument("store", type=Path)
    parser.add_argument("pipe", type=int)
    parser.add_argument("--links", action="store_true")
    parser.add_argument("--allow-other", action="store_true")
    arguments = parser.parse_args()
    if os.fork() > 0:  # nothing is open and no thread runs yet; nobody needs to wait for us
        os._exit(0)
    os.environ.pop(SOCKET_VARIABLE, None)  # whoever waits for a word means another process
    os.chdir("/")  # so that no disk stays busy because of us
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    pipe = os.fdopen(arguments.pipe, "w")

    def say(word: dict[str, object]) -> None:
        print(json.dumps(word), file=pipe, flush=True)
        pipe.close()

    try:
        serve(
            arguments.store,
            links=arguments.links,
            allow_other=arguments.allow_other,
            announce=lambda mountpoint: say({"mounted": str(mountpoint)}),
        )
    except ModelfsError as error:
        log.error("%s", error.message)
        if not pipe.closed:
            say({"error": error.message, "hint": error.hint, "exit_code": error.exit_code})
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
