"""Live: venues followed as they speak, into the lake, with a record of how well they were heard."""
