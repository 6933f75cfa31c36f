"""Real model files from packages, and the real programs that load them, through the mount."""
