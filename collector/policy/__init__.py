"""Policies of the city, its groups and schools; suppression; measuring now."""
