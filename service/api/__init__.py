"""The HTTP doors, one module a resource."""
