"""Venues and vendors: bytes from outside become rows of the declared tables."""
