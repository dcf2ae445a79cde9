"""What things cost: scripts that measure, each beside the naive way of doing the same."""
