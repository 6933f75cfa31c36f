"""The places that offer models: one module each, behind the protocol of ``fetch/source.py``."""
