"""The only floor that knows ASGI."""
