"""Who may do what: keys, roles, tokens of a login service, signed report addresses."""
