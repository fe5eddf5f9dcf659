"""The sandbox: a simulated perpetual exchange whose positions are known."""
