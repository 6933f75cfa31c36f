"""The command line: parse, show, ask. No rule of the product lives here.

One module a group of commands; ``main`` only assembles them. What costs start-up time (the
catalogue, the mount, tables) is imported inside the functions that need it.
"""
