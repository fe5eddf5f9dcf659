"""The forecast: how much will be liquidated, tomorrow's risk, and when a cascade begins."""
