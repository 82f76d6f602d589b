"""`python -m local.tasks`."""

from local.tasks.server import main

main()
