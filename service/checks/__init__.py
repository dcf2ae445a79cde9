"""The checks a draft must pass: one small file each, pure functions over text and plan."""
