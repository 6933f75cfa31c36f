"""The connection to the kernel below libfuse: the device, its messages, and the bytes of files.

Nothing here knows the tree or the store. A message that is not as expected is passed on as it came.
"""
