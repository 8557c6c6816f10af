"""What people ask to be done beside the schedules."""
