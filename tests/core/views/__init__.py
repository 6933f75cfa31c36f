"""The trees that people see."""
