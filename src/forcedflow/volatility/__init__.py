"""Volatility: everything that needs σ asks here."""

from forcedflow.volatility.ewma import ewma_volatility

__all__ = ["ewma_volatility"]
