"""SSM Automation: moto stores documents, this runs them, step by step, with real calls to the same AWS."""
