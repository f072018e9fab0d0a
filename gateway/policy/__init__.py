"""The decision, pure: no clock, no I/O, no await. Everything an auditor must believe is in this folder."""
