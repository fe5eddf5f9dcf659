"""Integrations: the same answers in the shapes that other tools read."""
