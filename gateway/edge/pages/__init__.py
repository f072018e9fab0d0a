"""The hosted pages, under `/.gateway/` on each app's own host."""
