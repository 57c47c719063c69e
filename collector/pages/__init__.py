"""What people see in a browser: the city and each of its schools."""
