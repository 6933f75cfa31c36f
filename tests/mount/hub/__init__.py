"""What the tests of the hub's cache need: versions of its client, and a stand-in for the hub."""
