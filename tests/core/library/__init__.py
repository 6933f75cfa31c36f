"""The use cases: adding, removing, collecting, checking, undoing."""
