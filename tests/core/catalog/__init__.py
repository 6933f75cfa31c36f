"""The SQLite file: opening, migrating, searching, logging."""
