"""Signals: eight reasons why a cascade may be loading, each with its threshold and its record."""
