"""The cascade: which domino falls next, how far, how likely."""
