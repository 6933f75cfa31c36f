"""Programs that open models as people's programs do. Each runs by itself: none imports another.

They take one JSON argument and print one JSON line.
"""
