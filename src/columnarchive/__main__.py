"""`python -m columnarchive` is `archive`."""

from columnarchive.cli.main import main

if __name__ == "__main__":
    main()
