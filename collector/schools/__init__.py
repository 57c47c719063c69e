"""Schools: what is known of each, and how it is imported."""
