"""How long what is kept: a policy by class, carried out once a day in small transactions."""
