"""The fleet: what agents say of themselves, how they are, who they are."""
