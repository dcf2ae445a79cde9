"""Signed webhooks: who wants to hear of what, and the worker that tells them."""
