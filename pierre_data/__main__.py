"""``python -m pierre_data`` is ``pierre-data``."""

from pierre_data.cli import main

if __name__ == "__main__":
    main()
