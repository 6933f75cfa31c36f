"""Tests of the core: store, catalogue, views, layouts and use cases, without a mount or a face."""
