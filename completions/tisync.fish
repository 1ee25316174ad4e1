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
complete -c tisync -n "__fish_tisync_needs_command" -s v -l verbose -d 'Says more on standard error'
complete -c tisync -n "__fish_tisync_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_needs_command" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "ts" -d 'Finds, checks and converts timestamps (TSO)'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "sync" -d 'Replicates: pulls transactions from a cluster (or a folder) and applies them to a target'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "playground" -d 'Shows it all on this machine: a simulated TiDB cluster, a private MariaDB and a sync between them'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "completions" -d 'Prints the completion script of a shell'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "man" -d 'Prints a manual page, or writes all of them into a folder'
complete -c tisync -n "__fish_tisync_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -s v -l verbose -d 'Says more on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -f -a "from-br" -d 'Print the commit ts that a backup by BR ends at'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -f -a "from-dumpling" -d 'Print the commit ts of a dump by Dumpling or mydumper'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -f -a "now" -d 'Print the current ts of a cluster'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -f -a "decode" -d 'Print the time of each ts'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -f -a "encode" -d 'Print the first ts of a time\'s millisecond'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -f -a "check" -d 'Can replication start at a ts? Looks for slips, gaps, overlaps and data that is gone already'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and not __fish_seen_subcommand_from from-br from-dumpling now decode encode check help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-br" -l crypter-method -d 'How the backup is encrypted [default: plaintext]' -r -f -a "plaintext\t'Not encrypted'
aes128-ctr\t'A key of 16 bytes'
aes192-ctr\t'A key of 24 bytes'
aes256-ctr\t'A key of 32 bytes'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-br" -l crypter-key -d 'The key in hex digits. Everybody on this machine can read a command line: prefer --crypter-key-file, or the environment\'s TISYNC_CRYPTER_KEY, which counts when neither is given' -r
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-br" -l crypter-key-file -d 'A file with the key in hex digits' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-br" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-br" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-br" -s v -l verbose -d 'Says more on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-br" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-br" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-dumpling" -l time-zone -d 'The zone of a position that is a date-time (`dumpling --snapshot \'2026-…\'`): UTC, +08:00, an IANA name, local' -r
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-dumpling" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-dumpling" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from from-dumpling" -s v -l verbose -d 'Says more on standard error'
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
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from now" -s v -l verbose -d 'Says more on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from now" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from now" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from decode" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from decode" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from decode" -s v -l verbose -d 'Says more on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from decode" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from decode" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from encode" -l time-zone -d 'The zone of a time that carries none itself: UTC, +08:00, an IANA name, local' -r
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from encode" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from encode" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from encode" -s v -l verbose -d 'Says more on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from encode" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from encode" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l backup -d 'Look for a gap or overlap with this backup by BR, which the target was restored from' -r
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l dump -d 'Look for a gap or overlap with this dump, which the target was loaded from' -r
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l backup-ts -d 'Look for a gap or overlap with a backup or dump that ends at this ts' -r
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l time-zone -d 'The zone of a dump\'s position that is a date-time' -r
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l crypter-method -d 'How the backup is encrypted [default: plaintext]' -r -f -a "plaintext\t'Not encrypted'
aes128-ctr\t'A key of 16 bytes'
aes192-ctr\t'A key of 24 bytes'
aes256-ctr\t'A key of 32 bytes'"
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -l crypter-key -d 'The key in hex digits. Everybody on this machine can read a command line: prefer --crypter-key-file, or the environment\'s TISYNC_CRYPTER_KEY, which counts when neither is given' -r
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
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Says more on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from help" -f -a "from-br" -d 'Print the commit ts that a backup by BR ends at'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from help" -f -a "from-dumpling" -d 'Print the commit ts of a dump by Dumpling or mydumper'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from help" -f -a "now" -d 'Print the current ts of a cluster'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from help" -f -a "decode" -d 'Print the time of each ts'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from help" -f -a "encode" -d 'Print the first ts of a time\'s millisecond'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from help" -f -a "check" -d 'Can replication start at a ts? Looks for slips, gaps, overlaps and data that is gone already'
complete -c tisync -n "__fish_tisync_using_subcommand ts; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l from -d 'Where transactions come from: `pd://host:port[,host:port…]` of a TiDB cluster with Pumps, or a folder' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l to -d 'Where they go: `mysql://user@host:port/?ssl-mode=…` (MySQL, MariaDB or TiDB)' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l start-ts -d 'Starts behind this ts (exclusive): a backup\'s end is exactly right. Needed on a first start; later the target\'s checkpoint decides' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l until -d 'Ends with exit code 0 when everything up to here is applied: a ts, or `caught-up` for PD\'s current one' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l until-ts -d 'The same as `--until TS`' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l skip-ddl -d 'Goes on without the DDL of this commit ts. Tables that are missing because of it are left out, counted and listed. May be given several times' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l pending-ddl -d 'Says what became of a DDL that an earlier run did not see end' -r -f -a "done\t'It took effect: go on behind it'
again\t'It did not: run it again'"
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l link -d 'Name of this link in the target\'s checkpoint table' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l schema-from -d 'TiDB\'s status address for the DDL history, where the one registered in PD cannot be reached: `http://host:10080`' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l memory-limit -d 'Most memory that the run takes, beside one raw transaction of the stream if that is larger: `256MiB`, `1GiB` or a number of bytes; at least 64MiB' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l workers -d 'Connections that write to the target at once, 1 to 64. Unless given, chosen from the round trip to the target' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l batch-rows -d 'Row changes that are written in one transaction; an upstream transaction that has more stays whole. Unless given, chosen from the round trip to the target' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l max-txn-rows -d 'Splits an upstream transaction that changes more rows than this over several transactions on the target, and says so: readers there may see a part of it. Unless given, none is ever split' -r
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l ssl-ca -d 'CA certificate (PEM) of the upstream cluster; turns TLS on' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l ssl-cert -d 'Client certificate (PEM) for the upstream cluster' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l ssl-key -d 'Private key (PEM) of the client certificate' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l safe-mode -d 'Rows may already be there, or be missing: replaces and ignores instead of stopping. For a start from a backup that is no consistent point'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -l allow-missing -d 'Goes on although the target lacks tables that the upstream has; a row for one of them stops the run'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -s q -l quiet -d 'Leaves out notes and progress; warnings and errors stay'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -s v -l verbose -d 'Says more on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand sync" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l rate -d 'Transactions a second that the simulated cluster commits' -r
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l duration -d 'Seconds that the load goes on' -r
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l pumps -d 'Pumps that the load is spread over' -r
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l seed -d 'Seed of the generator; the same seed gives the same load' -r
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l recording -d 'Serves this recording instead of the generator\'s bank' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l ddl-delay -d 'Milliseconds between a DDL\'s message and its job\'s appearance in the history, as on a real cluster' -r
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l skip-ddl -d 'Passed on to the sync: goes on without the DDL of this commit ts' -r
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l keep -d 'Leaves the private MariaDB running at the end, until Enter or Ctrl-C, and says how to connect'
complete -c tisync -n "__fish_tisync_using_subcommand playground" -l serve -d 'Only serves the simulated cluster and prints its address, until Ctrl-C: for `tisync sync` in another terminal'
complete -c tisync -n "__fish_tisync_using_subcommand playground" -s v -l verbose -d 'Says more on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand playground" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand playground" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand completions" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand completions" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand completions" -s v -l verbose -d 'Says more on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand completions" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand man" -l dir -d 'Write every page into this folder instead' -r -F
complete -c tisync -n "__fish_tisync_using_subcommand man" -l color -d 'When to colour messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`'
always\t'Always'
never\t'Never'"
complete -c tisync -n "__fish_tisync_using_subcommand man" -l output -d 'How the answer is written' -r -f -a "text\t'For people and shell variables'
json\t'One JSON value with a `version`'
csv\t'A header line and rows'"
complete -c tisync -n "__fish_tisync_using_subcommand man" -s v -l verbose -d 'Says more on standard error'
complete -c tisync -n "__fish_tisync_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tisync -n "__fish_tisync_using_subcommand man" -s V -l version -d 'Print version'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync playground completions man help" -f -a "ts" -d 'Finds, checks and converts timestamps (TSO)'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync playground completions man help" -f -a "sync" -d 'Replicates: pulls transactions from a cluster (or a folder) and applies them to a target'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync playground completions man help" -f -a "playground" -d 'Shows it all on this machine: a simulated TiDB cluster, a private MariaDB and a sync between them'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync playground completions man help" -f -a "completions" -d 'Prints the completion script of a shell'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync playground completions man help" -f -a "man" -d 'Prints a manual page, or writes all of them into a folder'
complete -c tisync -n "__fish_tisync_using_subcommand help; and not __fish_seen_subcommand_from ts sync playground completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from ts" -f -a "from-br" -d 'Print the commit ts that a backup by BR ends at'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from ts" -f -a "from-dumpling" -d 'Print the commit ts of a dump by Dumpling or mydumper'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from ts" -f -a "now" -d 'Print the current ts of a cluster'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from ts" -f -a "decode" -d 'Print the time of each ts'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from ts" -f -a "encode" -d 'Print the first ts of a time\'s millisecond'
complete -c tisync -n "__fish_tisync_using_subcommand help; and __fish_seen_subcommand_from ts" -f -a "check" -d 'Can replication start at a ts? Looks for slips, gaps, overlaps and data that is gone already'
