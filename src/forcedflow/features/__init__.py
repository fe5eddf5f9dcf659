"""Features: what can be measured of a market at every moment of its past, and nothing later."""
