"""What a job may do beyond running a command; the plugin surface is `base`."""
