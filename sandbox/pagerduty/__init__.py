"""A PagerDuty account on this machine: Events v2, REST v2, partner events, and a page for who is paged."""
