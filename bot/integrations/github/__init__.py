"""GitHub: action items as issues, post-mortems as pull requests. Importing `tracker` loads requests."""
