"""Fetching, against stand-ins of the services on loopback that the real clients use too."""
