"""`python -m columnarchive` is `archive`."""

from columnarchive.cli.app import main

if __name__ == "__main__":
    main()
