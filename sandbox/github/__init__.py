"""One repository of GitHub on this machine: the REST API as far as an incident bot needs it, and a page."""
