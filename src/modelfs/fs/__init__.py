"""The mount: kernel requests become looks at the views. Only ``daemon`` and what it imports know
pyfuse3 and trio; ``launch``, ``state`` and ``health`` are light and run in the program that asks.
"""
