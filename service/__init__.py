"""youli: drafts what a customer-service agent answers a buyer."""

__version__ = "0.1.0"
