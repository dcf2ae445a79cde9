"""``Idempotency-Key`` on every POST, by Stripe's contract: however often a request is sent, its work is done once.

``keys`` says which requests are the same, ``keeper`` who works on one and what is kept of its answer, ``policy.yaml``
what the contract leaves open. The rows are ``service.database.claims``; the doors' side is ``service.api.once``.
"""
