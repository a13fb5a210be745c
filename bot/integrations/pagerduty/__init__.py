"""PagerDuty: Events v2 to page, REST v2 to call people and to learn what they did there.

Importing `pager` or `api` loads pdpyras; do so only where PagerDuty is configured. `answers` are values only.
"""
