"""What every blob is called and known as, in one SQLite file. The only room that opens it.

``database`` is the open file; ``models``, ``blobs`` and ``changes`` read and write it, always
inside ``Catalog.read()`` or ``Catalog.write()``; ``records`` are the values that come and go.
Knows no folders and no blobs on disk.
"""
