"""Who somebody is, at first: what the gateway asks of others. Today that is an app that keeps its own sign-in."""
