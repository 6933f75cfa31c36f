"""Sends the files of a folder over HTTP/1.1 as fast as the kernel can: ranges, nothing else.

``file_server.py FOLDER`` prints its port and serves until its stdin ends.
"""

import os
import re
import socket
import sys
import threading
from contextlib import suppress

_CHUNK_BYTES = 1 << 20
_RANGE = re.compile(rb"(?i)\r\nrange: bytes=(\d+)-(\d*)")


def _serve(connection: socket.socket, folder: bytes) -> None:
    with connection, suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        waiting = b""
        while True:
            while b"\r\n\r\n" not in waiting:
                came = connection.recv(65536)
                if not came:
                    return
                waiting += came
            head, _, waiting = waiting.partition(b"\r\n\r\n")
            _answer(connection, folder, head)


def _answer(connection: socket.socket, folder: bytes, head: bytes) -> None:
    name = os.path.basename(head.split(b" ", 2)[1])
    file = os.open(os.path.join(folder, name), os.O_RDONLY)
    try:
        size = os.fstat(file).st_size
        asked = _RANGE.search(head)
        first = int(asked[1]) if asked else 0
        last = min(int(asked[2]) if asked and asked[2] else size - 1, size - 1)
        lines = [b"HTTP/1.1 206 Partial Content" if asked else b"HTTP/1.1 200 OK"]
        lines += [b"Content-Length: %d" % (last - first + 1)]
        lines += [b"Content-Range: bytes %d-%d/%d" % (first, last, size)] if asked else []
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
        while first <= last:
            wanted = min(_CHUNK_BYTES, last - first + 1)
            first += os.sendfile(connection.fileno(), file, first, wanted)
    finally:
        os.close(file)


def main() -> None:
    """Serve."""
    folder = os.fsencode(sys.argv[1])
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        sys.stdout.write(f"{listening.getsockname()[1]}\n")
        sys.stdout.flush()

        def accept() -> None:
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=_serve, args=(connection, folder), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        sys.stdin.read()


if __name__ == "__main__":
    main()
