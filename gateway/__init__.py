"""Step-up authentication gateway: a reverse proxy that asks again before the sensitive things."""
