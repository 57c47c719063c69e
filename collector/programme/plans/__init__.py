"""The city's four plans: their figures, the arithmetic between them, what is tracked of them."""
