"""How often cause finding names what was planted, something else, or nothing."""
