"""One reader a format: the bounded front of a file becomes a ``Reading``; nothing is executed here.

A reader takes the first bytes, the seekable file and its size. It returns ``None`` for what is not
its format, a warning for what is damaged, and never raises on bad bytes.
"""
