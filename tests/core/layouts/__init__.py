"""Descriptions of tools' folders."""
