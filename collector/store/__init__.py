"""Where the collector keeps things. Only the dialect modules know which database it is."""
