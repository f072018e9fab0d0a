"""An app to stand in front of. It knows nothing of the gateway."""
