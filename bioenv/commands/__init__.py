"""What each command of `bioenv` does. A command's module loads when the command runs."""
