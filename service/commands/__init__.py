"""What the command line does, one module a command family; heavy parts are imported when a command runs."""
