"""Vendor files into tables: one reader per kind of file, listed in `registry`."""
