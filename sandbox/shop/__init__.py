"""A little production that can be broken: services with metrics and alarms in the AWS of this machine."""
