"""What people do, as small stories: sign in, confirm, hold and resume, enrol. Async; no web framework."""
