"""The steps of the life of incidents and alerts: pure decisions from what is stored to all that a step writes."""
