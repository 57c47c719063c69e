"""Those who operate the collector: accounts, sessions, and the log of what they changed."""
