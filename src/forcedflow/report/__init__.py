"""Reports: maps as pictures and as text for a terminal."""
