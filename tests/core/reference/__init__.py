"""The library beside a plain dictionary of bytes that does the same, step by step."""
