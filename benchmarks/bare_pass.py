"""The least that naming a file by its content can cost: read it all and hash it, nothing else."""

import sys

import xxhash

CHUNK_BYTES = 1 << 20

hasher = xxhash.xxh3_128()
buffer = bytearray(CHUNK_BYTES)
view = memoryview(buffer)
with open(sys.argv[1], "rb", buffering=0) as file:
    while count := file.readinto(buffer):
        hasher.update(view[:count])
sys.stdout.write(hasher.hexdigest() + "\n")
