"""Adapters to other people's services: one module a vendor, each implementing a port and raising typed errors."""
