"""The mount as a service: systemd's units, installing them, and speaking to who runs them.

Nothing here knows how the mount is made; it knows how it is started, watched and ended.
"""
