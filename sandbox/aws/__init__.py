"""AWS on this machine: moto's server, with what moto lacks, faults on demand and a log of every call."""
