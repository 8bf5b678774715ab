"""One file per vendor, written exactly as a third party would write it."""
