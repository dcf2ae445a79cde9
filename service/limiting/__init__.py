"""What a caller, and the machine, takes: rates and token budgets of keys, work under way at once, sizes and times."""
