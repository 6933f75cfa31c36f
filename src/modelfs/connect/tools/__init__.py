"""One TOML file per tool: how it is found and by which of its own settings it is pointed."""
