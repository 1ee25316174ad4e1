# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_tisync_global_optspecs
    string join \n color= output= v/verbose h/help V/version
end

function __fish_tisync_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_tisync_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_tisync_using_subcommand
    set -l cmd (__fish_tisync_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c tisync -n "__fish_tisync_needs_command" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_needs_command" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_needs_command" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_needs_command" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "ts" -d 'Finds, checks and converts timestamps (TSO)'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "sync" -d 'Replicates: pulls transactions from a cluster (or a folder) and applies them to a target'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "checkpoint" -d 'Shows, moves or clears the positions of links on a target'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "schema" -d 'Compares the definitions of tables on both sides'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "record" -d 'Records a cluster\'s stream in a folder, to be replayed later with `sync --from DIR`'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "mark" -d 'The table by which two opposite links recognise changes that came from the other side'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "nodes" -d 'Lists the Pumps and drainers of a cluster, pauses them, takes them offline'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "config" -d 'Checks, shows and converts configurations: tisync.toml, and drainer.toml as it is'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "init" -d 'Asks for everything that one or two links need, checks each answer at once, and writes a tisync.toml'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "playground" -d 'Demonstrates tisync on this machine: a simulated TiDB cluster, a private MariaDB and a sync between them'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "completions" -d 'Prints the completion script of a shell'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "man" -d 'Prints a manual page, or writes all of them into a folder'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -f -a "from-br" -d 'Print the commit ts at the end of a BR backup'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -f -a "from-dumpling" -d 'Print the commit ts of a Dumpling or mydumper dump'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -f -a "now" -d 'Print the current ts of a cluster'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -f -a "decode" -d 'Print the time of each ts'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -f -a "encode" -d 'Print the first ts of a time\'s millisecond'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -f -a "check" -d 'Check whether replication can start at a ts: typing errors, gaps, overlaps, data already deleted'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-br" -l crypter-method -d 'How the backup is encrypted [default: plaintext]' -r -f -a "plaintext\t'Not encrypted'
aes128-ctr\t'A key of 16 bytes'
aes192-ctr\t'A key of 24 bytes'
aes256-ctr\t'A key of 32 bytes'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-br" -l crypter-key -d 'The key in hex digits. All users of this machine can read a command line: prefer --crypter-key-file, or the environment\'s TISYNC_CRYPTER_KEY, which counts when neither is given' -r
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-br" -l crypter-key-file -d 'A file with the key in hex digits' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-br" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-br" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-br" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-br" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-br" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-dumpling" -l time-zone -d 'The time zone of a position that is a date-time (`dumpling --snapshot \'2026-…\'`): UTC, +08:00, an IANA name, local' -r
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-dumpling" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-dumpling" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-dumpling" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-dumpling" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-dumpling" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from now" -l pd -d 'PD\'s addresses, as in http://10.0.0.1:2379, separated by commas' -r
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from now" -l ssl-ca -d 'CA certificate (PEM) of the upstream cluster; turns TLS on' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from now" -l ssl-cert -d 'Client certificate (PEM) for the upstream cluster' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from now" -l ssl-key -d 'Private key (PEM) of the client certificate' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from now" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from now" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from now" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from now" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from now" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from decode" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from decode" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from decode" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from decode" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from decode" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from encode" -l time-zone -d 'The time zone of a time that has none: UTC, +08:00, an IANA name, local' -r
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from encode" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from encode" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from encode" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from encode" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from encode" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l backup -d 'Look for a gap or overlap with this BR backup, which the target was restored from' -r
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l dump -d 'Look for a gap or overlap with this dump, which the target was loaded from' -r
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l backup-ts -d 'Look for a gap or overlap with a backup or dump that ends at this ts' -r
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l time-zone -d 'The time zone of a dump\'s position, if that is a date-time' -r
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l crypter-method -d 'How the backup is encrypted [default: plaintext]' -r -f -a "plaintext\t'Not encrypted'
aes128-ctr\t'A key of 16 bytes'
aes192-ctr\t'A key of 24 bytes'
aes256-ctr\t'A key of 32 bytes'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l crypter-key -d 'The key in hex digits. All users of this machine can read a command line: prefer --crypter-key-file, or the environment\'s TISYNC_CRYPTER_KEY, which counts when neither is given' -r
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l crypter-key-file -d 'A file with the key in hex digits' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l pd -d 'PD\'s addresses, as in http://10.0.0.1:2379, separated by commas' -r
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l ssl-ca -d 'CA certificate (PEM) of the upstream cluster; turns TLS on' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l ssl-cert -d 'Client certificate (PEM) for the upstream cluster' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l ssl-key -d 'Private key (PEM) of the client certificate' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l to -d 'Look for a gap or overlap with this target\'s checkpoint, as in mysql://user@host:3306' -r
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from help" -f -a "from-br" -d 'Print the commit ts at the end of a BR backup'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from help" -f -a "from-dumpling" -d 'Print the commit ts of a Dumpling or mydumper dump'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from help" -f -a "now" -d 'Print the current ts of a cluster'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from help" -f -a "decode" -d 'Print the time of each ts'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from help" -f -a "encode" -d 'Print the first ts of a time\'s millisecond'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check whether replication can start at a ts: typing errors, gaps, overlaps, data already deleted'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l config -d 'A tisync.toml, or a drainer.toml as it is. Flags, and then the environment, override it' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l from -d 'Where transactions come from: `pd://host:port[,host:port…]` of a TiDB cluster with Pumps, a folder with a recording or with Drainer\'s files (db-type `file`), or the name of a cluster in the file' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l to -d 'Where they go: `mysql://user@host:port/?ssl-mode=…` (MySQL, MariaDB or TiDB), or the name of a cluster in the file' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l start-ts -d 'Starts after this ts (exclusive): a backup\'s end is exactly right; or `now`, which leaves out all earlier changes. Needed on a first start; after that the target\'s checkpoint decides. A ts, or a time: `2026-11-21T13:00:00Z`, `-2h`' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l until -d 'Ends with exit code 0 when everything up to here (inclusive) is applied: a ts, a time, or `caught-up` for PD\'s current one. A time is the first ts of its millisecond' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l until-ts -d 'Ends with exit code 0 when everything up to this commit ts (inclusive) is applied' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l skip-ddl -d 'Skips the DDL of this commit ts. Tables that are missing because of it are left out, counted and listed. May be given several times' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l on-ddl-error -d 'What to do with a DDL that the target refuses: `stop` (the default) ends the run, `ask` asks at the terminal, `skip:TS` skips the one of this commit ts (as `--skip-ddl TS`), `replace:TS=SQL` runs SQL instead of it. May be given several times' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l pending-ddl -d 'Tells tisync the outcome of a DDL that an earlier run did not see finish' -r -f -a "done\t'It took effect: continue after it'
again\t'It did not: run it again'"
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l safe-mode -d 'Rows may already exist or be missing: replaces and ignores them instead of stopping. For a start from a backup that is not a consistent snapshot' -r -f -a "true\t''
false\t''"
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l safe-until -d 'Safe mode up to this ts only: for a start whose overlap with the data on the target is known to end there' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l sync-mode -d 'Whether a table must have the same columns on both sides. 1 (the default): a missing or extra column is an error. 2: columns that the target lacks are left out; columns that only the target has keep their values, and new rows get their default, or zero' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l allow-missing -d 'Continues even if the target lacks tables that the upstream has; a row for one of them stops the run' -r -f -a "true\t''
false\t''"
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l tables -d 'Which tables are replicated: patterns as in TiDB\'s other tools (`app.*`, `!app.tmp_*`, `/^a/.*`, `@FILE`), the last pattern that matches a table decides. Separated by commas, or given several times. All tables by default' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l route -d 'Gives a database (`app.*=app2.*`) or a table (`app.users=crm.people`) another name on the target, in rows and DDL. The first match decides. May be given several times' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l ignore-ts -d 'Leaves out the transaction of this commit ts, rows or DDL. May be given several times' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l link -d 'Name of this link in the target\'s checkpoint table, `default` if not given; with a file of several links, the one to run; without it all of them run' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l schema-from -d 'TiDB\'s status address for the DDL history, if the one registered in PD cannot be reached: `http://host:10080`' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l memory-limit -d 'Maximum memory of the run, plus one raw transaction of the stream if that is larger: `256MiB`, `1GiB` or a number of bytes; at least 64MiB. Default: 256MiB' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l workers -d 'Connections that write to the target at once, 1 to 64. By default, chosen from the round-trip time to the target' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l batch-rows -d 'Row changes per transaction on the target; a larger upstream transaction stays whole. By default, chosen from the round-trip time to the target' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l max-txn-rows -d 'Splits an upstream transaction that changes more rows than this over several transactions on the target, and says so: readers there may see a part of it. By default, none is ever split' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l node-id -d 'Name of this link\'s entry in the cluster\'s list of drainers. By default, derived from the link, the target and the cluster, so that it is the same on every machine' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l addr -d 'Where to listen for the cluster\'s Pumps, and for `/status`, `/metrics` and `PUT /state`. By default, port 8249 (or a free one, if that is in use) of the address from which PD is reached' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l advertise-addr -d 'The address to register with the cluster\'s Pumps, if it differs from --addr' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l channel-id -d 'The channel, the same number on both clusters: marks every transaction on the target with it' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l mark-table -d 'The mark table, on both clusters [default: retl._drainer_repl_mark]' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l other-channels -d 'What to do with transactions that carry the mark of another channel [default: pass]' -r -f -a "pass\t'They are replicated, as chains and rings of clusters need'
stop\t'The run ends'"
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l wrong-side-ddl -d 'On a link with --loopback and --no-ddl, what to do with an upstream DDL that did not come through the link in the other direction: `stop` (the default) ends the run before it and shows it, `ignore` continues without running it. A Drainer does not say which DDL it ran: with a Drainer in the other direction, use `ignore`' -r -f -a "stop\t'The run ends before it'
ignore\t'It is followed and not run on the target'"
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l on-conflict -d 'What to do if a row to change or delete is missing on the target, or the key of a new row already exists: end the run (the default), or make the row match the upstream. Both count such rows by table' -r -f -a "stop\t'The run ends; nothing of the transaction is applied'
count\t'The target\'s row becomes what the upstream has'"
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l time-zone -d 'Time zone of the Drainer that wrote the files, for their TIMESTAMPs: UTC, an offset or an IANA name' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l cluster-id -d 'Id of the cluster that the files come from, which is not in the files: the target\'s checkpoint is stored under it' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l ssl-ca -d 'CA certificate (PEM) of the upstream cluster; turns TLS on' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l ssl-cert -d 'Client certificate (PEM) for the upstream cluster' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l ssl-key -d 'Private key (PEM) of the client certificate' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l no-ddl -d 'Runs no DDL on the target, as with Drainer\'s `sync-ddl = false`: something else has to maintain its tables. Rows are still replicated as they are upstream'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l ignore-drainer -d 'On a first start, uses --start-ts even if a Drainer left a different checkpoint on the target'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l take-over -d 'Ends another running process of this link. Without it, the start is refused and shows who that is; a run whose process or machine is gone never blocks the start'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l allow-repeats -d 'Takes over from a Drainer that was not stopped cleanly even if there are tables without a primary key or a unique key of NOT NULL columns: some of their rows may then exist twice'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l keep-going -d 'With several links: one that fails does not stop the others. The exit code is still that of the first failure'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l no-register -d 'Does not register in the cluster and listens on no port. Then Pumps that go offline do not wait for this link'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l no-listen -d 'Listens on no port, and is registered as paused: Pumps that go offline wait for this link, but new Pumps do not notify it (it finds them by itself), and there is no `/status`, `/metrics` or `PUT /state`'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l loopback -d 'Leaves out transactions that carry the mark of this channel: they came from the other side. Needs --channel-id: this link\'s own writes carry the mark too'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -s q -l quiet -d 'Suppresses notes and progress, but not warnings and errors'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l allow-plain-password -d 'Allows sending the target\'s password to another machine without TLS, where it can be read on the network'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and not __fish_seen_subcommand_from show set clear help" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and not __fish_seen_subcommand_from show set clear help" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and not __fish_seen_subcommand_from show set clear help" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and not __fish_seen_subcommand_from show set clear help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and not __fish_seen_subcommand_from show set clear help" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and not __fish_seen_subcommand_from show set clear help" -f -a "show" -d 'Shows the position of each link on the target, and Drainer\'s own checkpoint'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and not __fish_seen_subcommand_from show set clear help" -f -a "set" -d 'Moves a link to another commit ts, and says what that loses or repeats'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and not __fish_seen_subcommand_from show set clear help" -f -a "clear" -d 'Deletes a link\'s checkpoint, and removes its entry from PD\'s list of Drainers: its next start is a first start'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and not __fish_seen_subcommand_from show set clear help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from show" -l to -d 'The target: `mysql://user@host:port/?ssl-mode=…`' -r
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from show" -l config -d 'Takes the target from a tisync.toml, or a drainer.toml, which also says where Drainer\'s checkpoint is' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from show" -l link -d 'Only this link' -r
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from show" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from show" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from show" -l allow-plain-password -d 'Allows sending the target\'s password to another machine without TLS, where it can be read on the network'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from set" -l to -d 'The target: `mysql://user@host:port/?ssl-mode=…`' -r
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from set" -l config -d 'Takes the target from a tisync.toml, or a drainer.toml, which also says where Drainer\'s checkpoint is' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from set" -l link -d 'The link\'s name' -r
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from set" -l cluster-id -d 'The upstream cluster\'s id, if several have a link of that name' -r
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from set" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from set" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from set" -l allow-plain-password -d 'Allows sending the target\'s password to another machine without TLS, where it can be read on the network'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from set" -l yes -d 'Goes ahead even if something is lost or repeated'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from set" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from clear" -l to -d 'The target: `mysql://user@host:port/?ssl-mode=…`' -r
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from clear" -l config -d 'Takes the target from a tisync.toml, or a drainer.toml, which also says where Drainer\'s checkpoint is' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from clear" -l link -d 'The link\'s name' -r
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from clear" -l cluster-id -d 'The upstream cluster\'s id, if several have a link of that name' -r
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from clear" -l from -d 'PD of the cluster that the link replicates from, where its entry is: `pd://host:port[,…]`; not needed with --config' -r
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from clear" -l node-id -d 'The link\'s --node-id, if it had one' -r
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from clear" -l ssl-ca -d 'CA certificate (PEM) of the upstream cluster; turns TLS on' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from clear" -l ssl-cert -d 'Client certificate (PEM) for the upstream cluster' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from clear" -l ssl-key -d 'Private key (PEM) of the client certificate' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from clear" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from clear" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from clear" -l allow-plain-password -d 'Allows sending the target\'s password to another machine without TLS, where it can be read on the network'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from clear" -l yes -d 'Confirms the deletion'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from clear" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from clear" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from clear" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from help" -f -a "show" -d 'Shows the position of each link on the target, and Drainer\'s own checkpoint'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from help" -f -a "set" -d 'Moves a link to another commit ts, and says what that loses or repeats'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from help" -f -a "clear" -d 'Deletes a link\'s checkpoint, and removes its entry from PD\'s list of Drainers: its next start is a first start'
complete -c tisync -n "__fish_tisync_using_subcommand checkpoint; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tisync -n "__fish_tisync_using_subcommand schema; and not __fish_seen_subcommand_from diff help" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand schema; and not __fish_seen_subcommand_from diff help" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand schema; and not __fish_seen_subcommand_from diff help" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand schema; and not __fish_seen_subcommand_from diff help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand schema; and not __fish_seen_subcommand_from diff help" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand schema; and not __fish_seen_subcommand_from diff help" -f -a "diff" -d 'Compares the definitions of all replicated tables, and prints the SQL that makes the target\'s like the upstream\'s'
complete -c tisync -n "__fish_tisync_using_subcommand schema; and not __fish_seen_subcommand_from diff help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from diff" -l config -d 'A tisync.toml or a drainer.toml with the link' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from diff" -l link -d 'Which link of the file' -r
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from diff" -l from -d 'Where the correct definitions are: a cluster (pd://host:port), a server (mysql://user@host:port) or the folder of a Dumpling dump' -r
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from diff" -l to -d 'The target: `mysql://user@host:port/?ssl-mode=…`' -r
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from diff" -l tables -d 'Which tables, as for `sync`; may be given several times' -r
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from diff" -l route -d 'Names on the target, as for `sync`; may be given several times' -r
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from diff" -l schema-from -d 'Status address of a TiDB server, `http://host:10080`, instead of those registered in PD' -r
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from diff" -l ssl-ca -d 'CA certificate (PEM) of the upstream cluster; turns TLS on' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from diff" -l ssl-cert -d 'Client certificate (PEM) for the upstream cluster' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from diff" -l ssl-key -d 'Private key (PEM) of the client certificate' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from diff" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from diff" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from diff" -l sql -d 'Prints only the statements'
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from diff" -l allow-plain-password -d 'Allows sending the target\'s password to another machine without TLS, where it can be read on the network'
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from diff" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from diff" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from help" -f -a "diff" -d 'Compares the definitions of all replicated tables, and prints the SQL that makes the target\'s like the upstream\'s'
complete -c tisync -n "__fish_tisync_using_subcommand schema; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tisync -n "__fish_tisync_using_subcommand record" -l from -d 'The TiDB cluster with Pumps: `pd://host:port[,host:port…]`' -r
complete -c tisync -n "__fish_tisync_using_subcommand record" -l dir -d 'The folder of the recording; created if needed' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand record" -l start-ts -d 'Where a new recording begins (exclusive): a ts or a time; now by default. After that the folder decides' -r
complete -c tisync -n "__fish_tisync_using_subcommand record" -l until -d 'Ends with exit code 0 when everything up to here (inclusive) is recorded: a ts, a time, or `caught-up` for PD\'s current one' -r
complete -c tisync -n "__fish_tisync_using_subcommand record" -l part-size -d 'Starts a new part when one reaches this size' -r
complete -c tisync -n "__fish_tisync_using_subcommand record" -l schema-from -d 'TiDB\'s status address for the DDL history, if the one registered in PD cannot be reached: `http://host:10080`' -r
complete -c tisync -n "__fish_tisync_using_subcommand record" -l ssl-ca -d 'CA certificate (PEM) of the upstream cluster; turns TLS on' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand record" -l ssl-cert -d 'Client certificate (PEM) for the upstream cluster' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand record" -l ssl-key -d 'Private key (PEM) of the client certificate' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand record" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand record" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand record" -l compress -d 'Compresses the parts with zstd'
complete -c tisync -n "__fish_tisync_using_subcommand record" -s q -l quiet -d 'Suppresses notes, but not warnings and errors'
complete -c tisync -n "__fish_tisync_using_subcommand record" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand record" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand record" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and not __fish_seen_subcommand_from setup status drop help" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand mark; and not __fish_seen_subcommand_from setup status drop help" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand mark; and not __fish_seen_subcommand_from setup status drop help" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and not __fish_seen_subcommand_from setup status drop help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and not __fish_seen_subcommand_from setup status drop help" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and not __fish_seen_subcommand_from setup status drop help" -f -a "setup" -d 'Creates the mark table and the rows of a channel if they are missing; existing ones are left as they are'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and not __fish_seen_subcommand_from setup status drop help" -f -a "status" -d 'Shows the rows: how many transactions carried them, and which links use them'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and not __fish_seen_subcommand_from setup status drop help" -f -a "drop" -d 'Deletes the rows of a channel that is no longer in use'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and not __fish_seen_subcommand_from setup status drop help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from setup" -l to -d 'A cluster or server: `mysql://user@host:port/?…`. May be given twice, for both sides' -r
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from setup" -l table -d 'The mark table' -r
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from setup" -l channel-id -d 'The channel, the same number on both clusters' -r
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from setup" -l rows -d 'Rows to create, one for each connection that will write at the same time' -r
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from setup" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from setup" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from setup" -l allow-plain-password -d 'Allows sending the target\'s password to another machine without TLS, where it can be read on the network'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from setup" -l dry-run -d 'Prints the SQL, and changes nothing'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from setup" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from setup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from setup" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from status" -l to -d 'A cluster or server: `mysql://user@host:port/?…`. May be given twice, for both sides' -r
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from status" -l table -d 'The mark table' -r
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from status" -l channel-id -d 'Shows only this channel' -r
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from status" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from status" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from status" -l allow-plain-password -d 'Allows sending the target\'s password to another machine without TLS, where it can be read on the network'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from status" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from drop" -l to -d 'A cluster or server: `mysql://user@host:port/?…`. May be given twice, for both sides' -r
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from drop" -l table -d 'The mark table' -r
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from drop" -l channel-id -d 'The channel whose rows are deleted' -r
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from drop" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from drop" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from drop" -l allow-plain-password -d 'Allows sending the target\'s password to another machine without TLS, where it can be read on the network'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from drop" -l dry-run -d 'Prints the SQL, and changes nothing'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from drop" -s y -l yes -d 'Does not ask for confirmation'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from drop" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from drop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from drop" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from help" -f -a "setup" -d 'Creates the mark table and the rows of a channel if they are missing; existing ones are left as they are'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from help" -f -a "status" -d 'Shows the rows: how many transactions carried them, and which links use them'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from help" -f -a "drop" -d 'Deletes the rows of a channel that is no longer in use'
complete -c tisync -n "__fish_tisync_using_subcommand mark; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and not __fish_seen_subcommand_from list pause offline set-state help" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and not __fish_seen_subcommand_from list pause offline set-state help" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and not __fish_seen_subcommand_from list pause offline set-state help" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and not __fish_seen_subcommand_from list pause offline set-state help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and not __fish_seen_subcommand_from list pause offline set-state help" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and not __fish_seen_subcommand_from list pause offline set-state help" -f -a "list" -d 'List Pumps and drainers with their positions and whether they are alive'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and not __fish_seen_subcommand_from list pause offline set-state help" -f -a "pause" -d 'Ask a Pump or drainer to pause'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and not __fish_seen_subcommand_from list pause offline set-state help" -f -a "offline" -d 'Ask a Pump or drainer to go offline for good'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and not __fish_seen_subcommand_from list pause offline set-state help" -f -a "set-state" -d 'Write a state to the entry of a node that is gone'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and not __fish_seen_subcommand_from list pause offline set-state help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from list" -l pd -d 'PD\'s addresses, as in http://10.0.0.1:2379, separated by commas' -r
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from list" -l ssl-ca -d 'CA certificate (PEM) of the upstream cluster; turns TLS on' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from list" -l ssl-cert -d 'Client certificate (PEM) for the upstream cluster' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from list" -l ssl-key -d 'Private key (PEM) of the client certificate' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from list" -l config -d 'Takes the address of PD and the TLS files from this tisync.toml or drainer.toml, unless --pd is given' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from list" -l cluster -d 'The cluster\'s name in the tisync.toml, if several have a PD' -r
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from list" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from list" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from list" -l all -d 'Include nodes that are offline'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from pause" -l kind -d 'Its kind, if a Pump and a drainer have the same id' -r -f -a "pump\t'It stores binlog'
drainer\t'It reads binlog: a Drainer, or a tisync'"
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from pause" -l wait -d 'Wait until its entry says so, at most this long: 30s, 5m, 1h' -r
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from pause" -l pd -d 'PD\'s addresses, as in http://10.0.0.1:2379, separated by commas' -r
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from pause" -l ssl-ca -d 'CA certificate (PEM) of the upstream cluster; turns TLS on' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from pause" -l ssl-cert -d 'Client certificate (PEM) for the upstream cluster' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from pause" -l ssl-key -d 'Private key (PEM) of the client certificate' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from pause" -l config -d 'Takes the address of PD and the TLS files from this tisync.toml or drainer.toml, unless --pd is given' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from pause" -l cluster -d 'The cluster\'s name in the tisync.toml, if several have a PD' -r
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from pause" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from pause" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from pause" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from pause" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from pause" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from offline" -l kind -d 'Its kind, if a Pump and a drainer have the same id' -r -f -a "pump\t'It stores binlog'
drainer\t'It reads binlog: a Drainer, or a tisync'"
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from offline" -l wait -d 'Wait until its entry says so, at most this long: 30s, 5m, 1h' -r
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from offline" -l pd -d 'PD\'s addresses, as in http://10.0.0.1:2379, separated by commas' -r
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from offline" -l ssl-ca -d 'CA certificate (PEM) of the upstream cluster; turns TLS on' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from offline" -l ssl-cert -d 'Client certificate (PEM) for the upstream cluster' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from offline" -l ssl-key -d 'Private key (PEM) of the client certificate' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from offline" -l config -d 'Takes the address of PD and the TLS files from this tisync.toml or drainer.toml, unless --pd is given' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from offline" -l cluster -d 'The cluster\'s name in the tisync.toml, if several have a PD' -r
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from offline" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from offline" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from offline" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from offline" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from offline" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from set-state" -l kind -d 'Its kind, if a Pump and a drainer have the same id' -r -f -a "pump\t'It stores binlog'
drainer\t'It reads binlog: a Drainer, or a tisync'"
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from set-state" -l pd -d 'PD\'s addresses, as in http://10.0.0.1:2379, separated by commas' -r
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from set-state" -l ssl-ca -d 'CA certificate (PEM) of the upstream cluster; turns TLS on' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from set-state" -l ssl-cert -d 'Client certificate (PEM) for the upstream cluster' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from set-state" -l ssl-key -d 'Private key (PEM) of the client certificate' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from set-state" -l config -d 'Takes the address of PD and the TLS files from this tisync.toml or drainer.toml, unless --pd is given' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from set-state" -l cluster -d 'The cluster\'s name in the tisync.toml, if several have a PD' -r
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from set-state" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from set-state" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from set-state" -s y -l yes -d 'Do not ask before writing'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from set-state" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from set-state" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from set-state" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from help" -f -a "list" -d 'List Pumps and drainers with their positions and whether they are alive'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from help" -f -a "pause" -d 'Ask a Pump or drainer to pause'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from help" -f -a "offline" -d 'Ask a Pump or drainer to go offline for good'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from help" -f -a "set-state" -d 'Write a state to the entry of a node that is gone'
complete -c tisync -n "__fish_tisync_using_subcommand nodes; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tisync -n "__fish_tisync_using_subcommand config; and not __fish_seen_subcommand_from check show filter convert help" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand config; and not __fish_seen_subcommand_from check show filter convert help" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand config; and not __fish_seen_subcommand_from check show filter convert help" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand config; and not __fish_seen_subcommand_from check show filter convert help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand config; and not __fish_seen_subcommand_from check show filter convert help" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand config; and not __fish_seen_subcommand_from check show filter convert help" -f -a "check" -d 'Reports all errors in a file, and anything else worth knowing about it. Asks the clusters for their identity, and changes nothing there'
complete -c tisync -n "__fish_tisync_using_subcommand config; and not __fish_seen_subcommand_from check show filter convert help" -f -a "show" -d 'Shows the settings that `tisync sync` with the same arguments would use. Passwords are never shown'
complete -c tisync -n "__fish_tisync_using_subcommand config; and not __fish_seen_subcommand_from check show filter convert help" -f -a "filter" -d 'Shows for each table whether a link replicates it, and which rule decides. Exit code 1 if one of them is left out'
complete -c tisync -n "__fish_tisync_using_subcommand config; and not __fish_seen_subcommand_from check show filter convert help" -f -a "convert" -d 'Writes the tisync.toml equivalent of a drainer.toml, with comments that say what each line was'
complete -c tisync -n "__fish_tisync_using_subcommand config; and not __fish_seen_subcommand_from check show filter convert help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from check" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from check" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from check" -l offline -d 'Does not connect to anything, so it cannot tell whether a link leads back to its own source under another address'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'A tisync.toml, or a drainer.toml as it is. Flags, and then the environment, override it' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l from -d 'Where transactions come from: `pd://host:port[,host:port…]` of a TiDB cluster with Pumps, a folder with a recording or with Drainer\'s files (db-type `file`), or the name of a cluster in the file' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l to -d 'Where they go: `mysql://user@host:port/?ssl-mode=…` (MySQL, MariaDB or TiDB), or the name of a cluster in the file' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l start-ts -d 'Starts after this ts (exclusive): a backup\'s end is exactly right; or `now`, which leaves out all earlier changes. Needed on a first start; after that the target\'s checkpoint decides. A ts, or a time: `2026-11-21T13:00:00Z`, `-2h`' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l until -d 'Ends with exit code 0 when everything up to here (inclusive) is applied: a ts, a time, or `caught-up` for PD\'s current one. A time is the first ts of its millisecond' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l until-ts -d 'Ends with exit code 0 when everything up to this commit ts (inclusive) is applied' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l skip-ddl -d 'Skips the DDL of this commit ts. Tables that are missing because of it are left out, counted and listed. May be given several times' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l on-ddl-error -d 'What to do with a DDL that the target refuses: `stop` (the default) ends the run, `ask` asks at the terminal, `skip:TS` skips the one of this commit ts (as `--skip-ddl TS`), `replace:TS=SQL` runs SQL instead of it. May be given several times' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l pending-ddl -d 'Tells tisync the outcome of a DDL that an earlier run did not see finish' -r -f -a "done\t'It took effect: continue after it'
again\t'It did not: run it again'"
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l safe-mode -d 'Rows may already exist or be missing: replaces and ignores them instead of stopping. For a start from a backup that is not a consistent snapshot' -r -f -a "true\t''
false\t''"
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l safe-until -d 'Safe mode up to this ts only: for a start whose overlap with the data on the target is known to end there' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l sync-mode -d 'Whether a table must have the same columns on both sides. 1 (the default): a missing or extra column is an error. 2: columns that the target lacks are left out; columns that only the target has keep their values, and new rows get their default, or zero' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l allow-missing -d 'Continues even if the target lacks tables that the upstream has; a row for one of them stops the run' -r -f -a "true\t''
false\t''"
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l tables -d 'Which tables are replicated: patterns as in TiDB\'s other tools (`app.*`, `!app.tmp_*`, `/^a/.*`, `@FILE`), the last pattern that matches a table decides. Separated by commas, or given several times. All tables by default' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l route -d 'Gives a database (`app.*=app2.*`) or a table (`app.users=crm.people`) another name on the target, in rows and DDL. The first match decides. May be given several times' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l ignore-ts -d 'Leaves out the transaction of this commit ts, rows or DDL. May be given several times' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l link -d 'Name of this link in the target\'s checkpoint table, `default` if not given; with a file of several links, the one to run; without it all of them run' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l schema-from -d 'TiDB\'s status address for the DDL history, if the one registered in PD cannot be reached: `http://host:10080`' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l memory-limit -d 'Maximum memory of the run, plus one raw transaction of the stream if that is larger: `256MiB`, `1GiB` or a number of bytes; at least 64MiB. Default: 256MiB' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l workers -d 'Connections that write to the target at once, 1 to 64. By default, chosen from the round-trip time to the target' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l batch-rows -d 'Row changes per transaction on the target; a larger upstream transaction stays whole. By default, chosen from the round-trip time to the target' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l max-txn-rows -d 'Splits an upstream transaction that changes more rows than this over several transactions on the target, and says so: readers there may see a part of it. By default, none is ever split' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l node-id -d 'Name of this link\'s entry in the cluster\'s list of drainers. By default, derived from the link, the target and the cluster, so that it is the same on every machine' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l addr -d 'Where to listen for the cluster\'s Pumps, and for `/status`, `/metrics` and `PUT /state`. By default, port 8249 (or a free one, if that is in use) of the address from which PD is reached' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l advertise-addr -d 'The address to register with the cluster\'s Pumps, if it differs from --addr' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l channel-id -d 'The channel, the same number on both clusters: marks every transaction on the target with it' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l mark-table -d 'The mark table, on both clusters [default: retl._drainer_repl_mark]' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l other-channels -d 'What to do with transactions that carry the mark of another channel [default: pass]' -r -f -a "pass\t'They are replicated, as chains and rings of clusters need'
stop\t'The run ends'"
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l wrong-side-ddl -d 'On a link with --loopback and --no-ddl, what to do with an upstream DDL that did not come through the link in the other direction: `stop` (the default) ends the run before it and shows it, `ignore` continues without running it. A Drainer does not say which DDL it ran: with a Drainer in the other direction, use `ignore`' -r -f -a "stop\t'The run ends before it'
ignore\t'It is followed and not run on the target'"
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l on-conflict -d 'What to do if a row to change or delete is missing on the target, or the key of a new row already exists: end the run (the default), or make the row match the upstream. Both count such rows by table' -r -f -a "stop\t'The run ends; nothing of the transaction is applied'
count\t'The target\'s row becomes what the upstream has'"
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l time-zone -d 'Time zone of the Drainer that wrote the files, for their TIMESTAMPs: UTC, an offset or an IANA name' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l cluster-id -d 'Id of the cluster that the files come from, which is not in the files: the target\'s checkpoint is stored under it' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l ssl-ca -d 'CA certificate (PEM) of the upstream cluster; turns TLS on' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l ssl-cert -d 'Client certificate (PEM) for the upstream cluster' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l ssl-key -d 'Private key (PEM) of the client certificate' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l origin -d 'Shows where each value came from: a flag, the environment, a line of the file, the default'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l no-ddl -d 'Runs no DDL on the target, as with Drainer\'s `sync-ddl = false`: something else has to maintain its tables. Rows are still replicated as they are upstream'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l ignore-drainer -d 'On a first start, uses --start-ts even if a Drainer left a different checkpoint on the target'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l take-over -d 'Ends another running process of this link. Without it, the start is refused and shows who that is; a run whose process or machine is gone never blocks the start'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l allow-repeats -d 'Takes over from a Drainer that was not stopped cleanly even if there are tables without a primary key or a unique key of NOT NULL columns: some of their rows may then exist twice'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l keep-going -d 'With several links: one that fails does not stop the others. The exit code is still that of the first failure'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l no-register -d 'Does not register in the cluster and listens on no port. Then Pumps that go offline do not wait for this link'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l no-listen -d 'Listens on no port, and is registered as paused: Pumps that go offline wait for this link, but new Pumps do not notify it (it finds them by itself), and there is no `/status`, `/metrics` or `PUT /state`'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l loopback -d 'Leaves out transactions that carry the mark of this channel: they came from the other side. Needs --channel-id: this link\'s own writes carry the mark too'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Suppresses notes and progress, but not warnings and errors'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -l allow-plain-password -d 'Allows sending the target\'s password to another machine without TLS, where it can be read on the network'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from filter" -l link -d 'The link of a file that has several' -r
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from filter" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from filter" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from filter" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from filter" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from filter" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from convert" -s o -l out -d 'Writes into this file, which must not exist, instead of standard output. Passwords go into files next to it that only their owner can read' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from convert" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from convert" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from convert" -l with-passwords -d 'Writes passwords to the tisync.toml itself'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from convert" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from convert" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from convert" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "check" -d 'Reports all errors in a file, and anything else worth knowing about it. Asks the clusters for their identity, and changes nothing there'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Shows the settings that `tisync sync` with the same arguments would use. Passwords are never shown'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "filter" -d 'Shows for each table whether a link replicates it, and which rule decides. Exit code 1 if one of them is left out'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "convert" -d 'Writes the tisync.toml equivalent of a drainer.toml, with comments that say what each line was'
complete -c tisync -n "__fish_tisync_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tisync -n "__fish_tisync_using_subcommand init" -l from-name -d 'What the file calls the first cluster [default: a]' -r
complete -c tisync -n "__fish_tisync_using_subcommand init" -l from-pd -d 'PD of the first cluster: `pd://host:port[,host:port…]`; https:// with TLS' -r
complete -c tisync -n "__fish_tisync_using_subcommand init" -l from-sql -d 'Both ways: SQL address of the first cluster, `mysql://user@host:port`' -r
complete -c tisync -n "__fish_tisync_using_subcommand init" -l from-password-file -d 'A file whose first line is the password of that account' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand init" -l to-name -d 'What the file calls the second [default: b]' -r
complete -c tisync -n "__fish_tisync_using_subcommand init" -l to -d 'SQL address of the second, the target: `mysql://user@host:port/?ssl-mode=…`; MySQL, MariaDB or TiDB' -r
complete -c tisync -n "__fish_tisync_using_subcommand init" -l to-password-file -d 'A file whose first line is the password of that account' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand init" -l to-pd -d 'Both ways: PD of the second cluster' -r
complete -c tisync -n "__fish_tisync_using_subcommand init" -l to-ssl-ca -d 'CA certificate (PEM) of the second cluster\'s PD; turns TLS on' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand init" -l to-ssl-cert -d 'Client certificate (PEM) for it' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand init" -l to-ssl-key -d 'Private key (PEM) of the client certificate' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand init" -l keep-password -d 'Where a password that was typed is kept: only in an environment variable that you set (the default), in its own file next to tisync.toml, or in tisync.toml itself' -r -f -a "env\t'In an environment variable, which the operator sets'
file\t'In a file of its own'
config\t'In tisync.toml'"
complete -c tisync -n "__fish_tisync_using_subcommand init" -l start-from-br -d 'At the end of this BR backup, which the target was restored from' -r
complete -c tisync -n "__fish_tisync_using_subcommand init" -l start-from-dumpling -d 'At the snapshot of this Dumpling dump, which the target was loaded from' -r
complete -c tisync -n "__fish_tisync_using_subcommand init" -l start-ts -d 'After this ts or time; `now` leaves out earlier changes' -r
complete -c tisync -n "__fish_tisync_using_subcommand init" -l time-zone -d 'The time zone of a dump\'s position, if that is a date-time' -r
complete -c tisync -n "__fish_tisync_using_subcommand init" -l crypter-method -d 'How the backup is encrypted [default: plaintext]' -r -f -a "plaintext\t'Not encrypted'
aes128-ctr\t'A key of 16 bytes'
aes192-ctr\t'A key of 24 bytes'
aes256-ctr\t'A key of 32 bytes'"
complete -c tisync -n "__fish_tisync_using_subcommand init" -l crypter-key -d 'The key in hex digits. All users of this machine can read a command line: prefer --crypter-key-file, or the environment\'s TISYNC_CRYPTER_KEY, which counts when neither is given' -r
complete -c tisync -n "__fish_tisync_using_subcommand init" -l crypter-key-file -d 'A file with the key in hex digits' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand init" -l back-start-ts -d 'Both ways: where the link back begins: a ts, a time or `now` [default: now]' -r
complete -c tisync -n "__fish_tisync_using_subcommand init" -l tables -d 'Which tables, as with `sync --tables` [default: all]' -r
complete -c tisync -n "__fish_tisync_using_subcommand init" -l sync-mode -d 'Whether both sides must have the same columns [default: 1]' -r
complete -c tisync -n "__fish_tisync_using_subcommand init" -l channel-id -d 'The channel, the same number on both clusters [default: 1]' -r
complete -c tisync -n "__fish_tisync_using_subcommand init" -l mark-table -d 'The mark table, on both clusters [default: retl._drainer_repl_mark]' -r
complete -c tisync -n "__fish_tisync_using_subcommand init" -l ddl-from -d 'The name of the cluster whose DDL is replicated to the other; DDL on the other stays there' -r
complete -c tisync -n "__fish_tisync_using_subcommand init" -l mark-setup -d 'Whether to create the mark table and its rows on both clusters now, as `mark setup` does' -r -f -a "yes\t'Yes'
no\t'No'"
complete -c tisync -n "__fish_tisync_using_subcommand init" -l config -d 'Where to write it [default: tisync.toml]' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand init" -l ssl-ca -d 'CA certificate (PEM) of the upstream cluster; turns TLS on' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand init" -l ssl-cert -d 'Client certificate (PEM) for the upstream cluster' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand init" -l ssl-key -d 'Private key (PEM) of the client certificate' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand init" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand init" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand init" -l both -d 'Two links, one each way: both clusters are sources and targets'
complete -c tisync -n "__fish_tisync_using_subcommand init" -l one-way -d 'One link, from the first to the second (the default without a terminal)'
complete -c tisync -n "__fish_tisync_using_subcommand init" -l force -d 'Overwrites an existing file'
complete -c tisync -n "__fish_tisync_using_subcommand init" -l dry-run -d 'Shows the file and writes nothing; changes nothing on the clusters'
complete -c tisync -n "__fish_tisync_using_subcommand init" -s y -l yes -d 'Uses the default of each question that has one. Still asked: questions without a default, whether to overwrite a file, whether to change a cluster'
complete -c tisync -n "__fish_tisync_using_subcommand init" -l unchecked -d 'Continues with a warning if a cluster cannot be reached: for a file that is written elsewhere'
complete -c tisync -n "__fish_tisync_using_subcommand init" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand init" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l rate -d 'Transactions per second that the simulated cluster commits' -r
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l duration -d 'Duration of the load in seconds' -r
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l pumps -d 'Number of Pumps that share the load' -r
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l seed -d 'Seed of the generator; the same seed gives the same load' -r
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l recording -d 'Serves this recording instead of the generator\'s bank' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l load -d 'With --both: writes this many transactions per second on each side for `--duration` seconds (Ctrl-C ends it earlier), then compares both, and the marks in each server\'s own binlog. Exit code 1 if anything is wrong' -r
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l ddl-delay -d 'Milliseconds between a DDL\'s message and its job\'s appearance in the history, as on a real cluster' -r
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l skip-ddl -d 'Passed on to the sync: skips the DDL of this commit ts' -r
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l keep -d 'Leaves the private MariaDB running at the end, until Enter or Ctrl-C, and says how to connect'
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l serve -d 'Only serves the simulated cluster and prints its address, until Ctrl-C: for `tisync sync` in another terminal'
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l both -d 'Two private MariaDBs that pose as TiDB clusters, and a link each way: what is written to either appears in the other, until Ctrl-C. Their tisync.toml is written next to them'
complete -c tisync -n "__fish_tisync_using_subcommand playground" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand playground" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand playground" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand completions" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand completions" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand completions" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand completions" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand man" -l dir -d 'Write every page into this folder instead' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand man" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand man" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand man" -s v -l verbose -d 'Prints more details on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand man" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync checkpoint schema record mark nodes config init playground completions man help" -f -a "ts" -d 'Finds, checks and converts timestamps (TSO)'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync checkpoint schema record mark nodes config init playground completions man help" -f -a "sync" -d 'Replicates: pulls transactions from a cluster (or a folder) and applies them to a target'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync checkpoint schema record mark nodes config init playground completions man help" -f -a "checkpoint" -d 'Shows, moves or clears the positions of links on a target'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync checkpoint schema record mark nodes config init playground completions man help" -f -a "schema" -d 'Compares the definitions of tables on both sides'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync checkpoint schema record mark nodes config init playground completions man help" -f -a "record" -d 'Records a cluster\'s stream in a folder, to be replayed later with `sync --from DIR`'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync checkpoint schema record mark nodes config init playground completions man help" -f -a "mark" -d 'The table by which two opposite links recognise changes that came from the other side'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync checkpoint schema record mark nodes config init playground completions man help" -f -a "nodes" -d 'Lists the Pumps and drainers of a cluster, pauses them, takes them offline'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync checkpoint schema record mark nodes config init playground completions man help" -f -a "config" -d 'Checks, shows and converts configurations: tisync.toml, and drainer.toml as it is'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync checkpoint schema record mark nodes config init playground completions man help" -f -a "init" -d 'Asks for everything that one or two links need, checks each answer at once, and writes a tisync.toml'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync checkpoint schema record mark nodes config init playground completions man help" -f -a "playground" -d 'Demonstrates tisync on this machine: a simulated TiDB cluster, a private MariaDB and a sync between them'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync checkpoint schema record mark nodes config init playground completions man help" -f -a "completions" -d 'Prints the completion script of a shell'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync checkpoint schema record mark nodes config init playground completions man help" -f -a "man" -d 'Prints a manual page, or writes all of them into a folder'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync checkpoint schema record mark nodes config init playground completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from ts" -f -a "from-br" -d 'Print the commit ts at the end of a BR backup'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from ts" -f -a "from-dumpling" -d 'Print the commit ts of a Dumpling or mydumper dump'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from ts" -f -a "now" -d 'Print the current ts of a cluster'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from ts" -f -a "decode" -d 'Print the time of each ts'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from ts" -f -a "encode" -d 'Print the first ts of a time\'s millisecond'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from ts" -f -a "check" -d 'Check whether replication can start at a ts: typing errors, gaps, overlaps, data already deleted'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from checkpoint" -f -a "show" -d 'Shows the position of each link on the target, and Drainer\'s own checkpoint'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from checkpoint" -f -a "set" -d 'Moves a link to another commit ts, and says what that loses or repeats'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from checkpoint" -f -a "clear" -d 'Deletes a link\'s checkpoint, and removes its entry from PD\'s list of Drainers: its next start is a first start'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from schema" -f -a "diff" -d 'Compares the definitions of all replicated tables, and prints the SQL that makes the target\'s like the upstream\'s'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from mark" -f -a "setup" -d 'Creates the mark table and the rows of a channel if they are missing; existing ones are left as they are'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from mark" -f -a "status" -d 'Shows the rows: how many transactions carried them, and which links use them'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from mark" -f -a "drop" -d 'Deletes the rows of a channel that is no longer in use'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from nodes" -f -a "list" -d 'List Pumps and drainers with their positions and whether they are alive'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from nodes" -f -a "pause" -d 'Ask a Pump or drainer to pause'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from nodes" -f -a "offline" -d 'Ask a Pump or drainer to go offline for good'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from nodes" -f -a "set-state" -d 'Write a state to the entry of a node that is gone'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "check" -d 'Reports all errors in a file, and anything else worth knowing about it. Asks the clusters for their identity, and changes nothing there'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Shows the settings that `tisync sync` with the same arguments would use. Passwords are never shown'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "filter" -d 'Shows for each table whether a link replicates it, and which rule decides. Exit code 1 if one of them is left out'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "convert" -d 'Writes the tisync.toml equivalent of a drainer.toml, with comments that say what each line was'
