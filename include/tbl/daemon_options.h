/*
 * The options of mcpledgerd: DAEMON_OPTION(member, "long name", short name or 0, TYPE, "VALUE", "help").
 * TYPE: TEXT (const char *, takes a value) or FLAG (bool).  They make its --help and mcpledgerd(8).
 */
DAEMON_OPTION(conf_file, "config", 'c', TEXT, "FILE", "read settings from FILE (YAML); without it, defaults hold")
DAEMON_OPTION(data_dir, "data", 0, TEXT, "DIR", "where the store is; before store.dir")
DAEMON_OPTION(ready_file, "ready-file", 0, TEXT, "FILE", "write the addresses to FILE once all listeners accept")
DAEMON_OPTION(check_config, "check-config", 0, FLAG, NULL, "check the settings and exit: 0 good, 2 bad")
DAEMON_OPTION(print_config, "print-config", 0, FLAG, NULL, "print all settings with their values and exit")
DAEMON_OPTION(version, "version", 0, FLAG, NULL, "print the version and exit")
DAEMON_OPTION(help, "help", 'h', FLAG, NULL, "print this and exit")
