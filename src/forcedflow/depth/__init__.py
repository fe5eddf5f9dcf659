"""Depth: how much can be sold or bought before the price has moved so far."""
