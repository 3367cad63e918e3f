"""The configuration: every directive in one table, its values, the reader of the files, the settings of a host."""
