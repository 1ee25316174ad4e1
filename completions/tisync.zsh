#compdef tisync

autoload -U is-at-least

_tisync() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Says more on standard error]' \
'*--verbose[Says more on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_tisync_commands" \
"*::: :->tisync" \
&& ret=0
    case $state in
    (tisync)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-command-$line[1]:"
        case $line[1] in
            (ts)
_arguments "${_arguments_options[@]}" : \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Says more on standard error]' \
'*--verbose[Says more on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_tisync__subcmd__ts_commands" \
"*::: :->ts" \
&& ret=0

    case $state in
    (ts)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-ts-command-$line[1]:"
        case $line[1] in
            (from-br)
_arguments "${_arguments_options[@]}" : \
'--crypter-method=[How the backup is encrypted \[default\: plaintext\]]:CRYPTER_METHOD:((plaintext\:"Not encrypted"
aes128-ctr\:"A key of 16 bytes"
aes192-ctr\:"A key of 24 bytes"
aes256-ctr\:"A key of 32 bytes"))' \
'(--crypter-key-file)--crypter-key=[The key in hex digits. Everybody on this machine can read a command line\: prefer --crypter-key-file, or the environment'\''s TISYNC_CRYPTER_KEY, which counts when neither is given]:HEX:_default' \
'--crypter-key-file=[A file with the key in hex digits]:FILE:_files' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Says more on standard error]' \
'*--verbose[Says more on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':storage -- The backup'\''s folder or its backupmeta file\: a path, local\:///path or file\:///path:_default' \
&& ret=0
;;
(from-dumpling)
_arguments "${_arguments_options[@]}" : \
'--time-zone=[The zone of a position that is a date-time (\`dumpling --snapshot '\''2026-…'\''\`)\: UTC, +08\:00, an IANA name, local]:ZONE:_default' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Says more on standard error]' \
'*--verbose[Says more on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':path -- The dump'\''s folder or its metadata file:_default' \
&& ret=0
;;
(now)
_arguments "${_arguments_options[@]}" : \
'*--pd=[PD'\''s addresses, as in http\://10.0.0.1\:2379, separated by commas]:URL:_default' \
'--ssl-ca=[CA certificate (PEM) of the upstream cluster; turns TLS on]:FILE:_files' \
'--ssl-cert=[Client certificate (PEM) for the upstream cluster]:FILE:_files' \
'--ssl-key=[Private key (PEM) of the client certificate]:FILE:_files' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Says more on standard error]' \
'*--verbose[Says more on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(decode)
_arguments "${_arguments_options[@]}" : \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Says more on standard error]' \
'*--verbose[Says more on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'*::ts -- The ts to decode; `-`, or none at all, reads them from standard input, one a line:_default' \
&& ret=0
;;
(encode)
_arguments "${_arguments_options[@]}" : \
'--time-zone=[The zone of a time that carries none itself\: UTC, +08\:00, an IANA name, local]:ZONE:_default' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Says more on standard error]' \
'*--verbose[Says more on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':time -- RFC 3339, a date-time (with --time-zone), `now`, or relative to now\: -15m, -1h30m, -2d, +5s:_default' \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
'--backup=[Look for a gap or overlap with this backup by BR, which the target was restored from]:STORAGE:_default' \
'--dump=[Look for a gap or overlap with this dump, which the target was loaded from]:PATH:_default' \
'--backup-ts=[Look for a gap or overlap with a backup or dump that ends at this ts]:TS:_default' \
'--time-zone=[The zone of a dump'\''s position that is a date-time]:ZONE:_default' \
'--crypter-method=[How the backup is encrypted \[default\: plaintext\]]:CRYPTER_METHOD:((plaintext\:"Not encrypted"
aes128-ctr\:"A key of 16 bytes"
aes192-ctr\:"A key of 24 bytes"
aes256-ctr\:"A key of 32 bytes"))' \
'(--crypter-key-file)--crypter-key=[The key in hex digits. Everybody on this machine can read a command line\: prefer --crypter-key-file, or the environment'\''s TISYNC_CRYPTER_KEY, which counts when neither is given]:HEX:_default' \
'--crypter-key-file=[A file with the key in hex digits]:FILE:_files' \
'*--pd=[PD'\''s addresses, as in http\://10.0.0.1\:2379, separated by commas]:URL:_default' \
'--ssl-ca=[CA certificate (PEM) of the upstream cluster; turns TLS on]:FILE:_files' \
'--ssl-cert=[Client certificate (PEM) for the upstream cluster]:FILE:_files' \
'--ssl-key=[Private key (PEM) of the client certificate]:FILE:_files' \
'--to=[Look for a gap or overlap with this target'\''s checkpoint, as in mysql\://user@host\:3306]:URL:_default' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Says more on standard error]' \
'*--verbose[Says more on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':ts -- The start ts to judge:_default' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_tisync__subcmd__ts__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-ts-help-command-$line[1]:"
        case $line[1] in
            (from-br)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(from-dumpling)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(now)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(decode)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(encode)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(sync)
_arguments "${_arguments_options[@]}" : \
'--from=[Where transactions come from\: \`pd\://host\:port\[,host\:port…\]\` of a TiDB cluster with Pumps, or a folder]:SOURCE:_default' \
'--to=[Where they go\: \`mysql\://user@host\:port/?ssl-mode=…\` (MySQL, MariaDB or TiDB)]:URL:_default' \
'--start-ts=[Starts behind this ts (exclusive)\: a backup'\''s end is exactly right. Needed on a first start; later the target'\''s checkpoint decides]:TS:_default' \
'--until=[Ends with exit code 0 when everything up to here is applied\: a ts, or \`caught-up\` for PD'\''s current one]:TS|caught-up:_default' \
'(--until)--until-ts=[The same as \`--until TS\`]:TS:_default' \
'*--skip-ddl=[Goes on without the DDL of this commit ts. Tables that are missing because of it are left out, counted and listed. May be given several times]:TS:_default' \
'--pending-ddl=[Says what became of a DDL that an earlier run did not see end]:PENDING_DDL:((done\:"It took effect\: go on behind it"
again\:"It did not\: run it again"))' \
'--link=[Name of this link in the target'\''s checkpoint table]:NAME:_default' \
'--schema-from=[TiDB'\''s status address for the DDL history, where the one registered in PD cannot be reached\: \`http\://host\:10080\`]:URL:_default' \
'--memory-limit=[Most memory that the run takes, beside one raw transaction of the stream if that is larger\: \`256MiB\`, \`1GiB\` or a number of bytes; at least 64MiB]:SIZE:_default' \
'--workers=[Connections that write to the target at once, 1 to 64. Unless given, chosen from the round trip to the target]:N:_default' \
'--batch-rows=[Row changes that are written in one transaction; an upstream transaction that has more stays whole. Unless given, chosen from the round trip to the target]:N:_default' \
'--max-txn-rows=[Splits an upstream transaction that changes more rows than this over several transactions on the target, and says so\: readers there may see a part of it. Unless given, none is ever split]:N:_default' \
'--ssl-ca=[CA certificate (PEM) of the upstream cluster; turns TLS on]:FILE:_files' \
'--ssl-cert=[Client certificate (PEM) for the upstream cluster]:FILE:_files' \
'--ssl-key=[Private key (PEM) of the client certificate]:FILE:_files' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'--safe-mode[Rows may already be there, or be missing\: replaces and ignores instead of stopping. For a start from a backup that is no consistent point]' \
'--allow-missing[Goes on although the target lacks tables that the upstream has; a row for one of them stops the run]' \
'-q[Leaves out notes and progress; warnings and errors stay]' \
'--quiet[Leaves out notes and progress; warnings and errors stay]' \
'*-v[Says more on standard error]' \
'*--verbose[Says more on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(playground)
_arguments "${_arguments_options[@]}" : \
'--rate=[Transactions a second that the simulated cluster commits]:N:_default' \
'--duration=[Seconds that the load goes on]:SECONDS:_default' \
'--pumps=[Pumps that the load is spread over]:N:_default' \
'--seed=[Seed of the generator; the same seed gives the same load]:N:_default' \
'--recording=[Serves this recording instead of the generator'\''s bank]:DIR:_files' \
'--ddl-delay=[Milliseconds between a DDL'\''s message and its job'\''s appearance in the history, as on a real cluster]:MS:_default' \
'*--skip-ddl=[Passed on to the sync\: goes on without the DDL of this commit ts]:TS:_default' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'--keep[Leaves the private MariaDB running at the end, until Enter or Ctrl-C, and says how to connect]' \
'--serve[Only serves the simulated cluster and prints its address, until Ctrl-C\: for \`tisync sync\` in another terminal]' \
'*-v[Says more on standard error]' \
'*--verbose[Says more on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Says more on standard error]' \
'*--verbose[Says more on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':shell -- The shell:(bash elvish fish powershell zsh)' \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
'--dir=[Write every page into this folder instead]:DIR:_files' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Says more on standard error]' \
'*--verbose[Says more on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_tisync__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-help-command-$line[1]:"
        case $line[1] in
            (ts)
_arguments "${_arguments_options[@]}" : \
":: :_tisync__subcmd__help__subcmd__ts_commands" \
"*::: :->ts" \
&& ret=0

    case $state in
    (ts)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-help-ts-command-$line[1]:"
        case $line[1] in
            (from-br)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(from-dumpling)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(now)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(decode)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(encode)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(sync)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(playground)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
}

(( $+functions[_tisync_commands] )) ||
_tisync_commands() {
    local commands; commands=(
'ts:Finds, checks and converts timestamps (TSO)' \
'sync:Replicates\: pulls transactions from a cluster (or a folder) and applies them to a target' \
'playground:Shows it all on this machine\: a simulated TiDB cluster, a private MariaDB and a sync between them' \
'completions:Prints the completion script of a shell' \
'man:Prints a manual page, or writes all of them into a folder' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tisync commands' commands "$@"
}
(( $+functions[_tisync__subcmd__completions_commands] )) ||
_tisync__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'tisync completions commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help_commands] )) ||
_tisync__subcmd__help_commands() {
    local commands; commands=(
'ts:Finds, checks and converts timestamps (TSO)' \
'sync:Replicates\: pulls transactions from a cluster (or a folder) and applies them to a target' \
'playground:Shows it all on this machine\: a simulated TiDB cluster, a private MariaDB and a sync between them' \
'completions:Prints the completion script of a shell' \
'man:Prints a manual page, or writes all of them into a folder' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tisync help commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__completions_commands] )) ||
_tisync__subcmd__help__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help completions commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__help_commands] )) ||
_tisync__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help help commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__man_commands] )) ||
_tisync__subcmd__help__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help man commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__playground_commands] )) ||
_tisync__subcmd__help__subcmd__playground_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help playground commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__sync_commands] )) ||
_tisync__subcmd__help__subcmd__sync_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help sync commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__ts_commands] )) ||
_tisync__subcmd__help__subcmd__ts_commands() {
    local commands; commands=(
'from-br:Print the commit ts that a backup by BR ends at' \
'from-dumpling:Print the commit ts of a dump by Dumpling or mydumper' \
'now:Print the current ts of a cluster' \
'decode:Print the time of each ts' \
'encode:Print the first ts of a time'\''s millisecond' \
'check:Can replication start at a ts? Looks for slips, gaps, overlaps and data that is gone already' \
    )
    _describe -t commands 'tisync help ts commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__ts__subcmd__check_commands] )) ||
_tisync__subcmd__help__subcmd__ts__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help ts check commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__ts__subcmd__decode_commands] )) ||
_tisync__subcmd__help__subcmd__ts__subcmd__decode_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help ts decode commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__ts__subcmd__encode_commands] )) ||
_tisync__subcmd__help__subcmd__ts__subcmd__encode_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help ts encode commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__ts__subcmd__from-br_commands] )) ||
_tisync__subcmd__help__subcmd__ts__subcmd__from-br_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help ts from-br commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__ts__subcmd__from-dumpling_commands] )) ||
_tisync__subcmd__help__subcmd__ts__subcmd__from-dumpling_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help ts from-dumpling commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__ts__subcmd__now_commands] )) ||
_tisync__subcmd__help__subcmd__ts__subcmd__now_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help ts now commands' commands "$@"
}
(( $+functions[_tisync__subcmd__man_commands] )) ||
_tisync__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'tisync man commands' commands "$@"
}
(( $+functions[_tisync__subcmd__playground_commands] )) ||
_tisync__subcmd__playground_commands() {
    local commands; commands=()
    _describe -t commands 'tisync playground commands' commands "$@"
}
(( $+functions[_tisync__subcmd__sync_commands] )) ||
_tisync__subcmd__sync_commands() {
    local commands; commands=()
    _describe -t commands 'tisync sync commands' commands "$@"
}
(( $+functions[_tisync__subcmd__ts_commands] )) ||
_tisync__subcmd__ts_commands() {
    local commands; commands=(
'from-br:Print the commit ts that a backup by BR ends at' \
'from-dumpling:Print the commit ts of a dump by Dumpling or mydumper' \
'now:Print the current ts of a cluster' \
'decode:Print the time of each ts' \
'encode:Print the first ts of a time'\''s millisecond' \
'check:Can replication start at a ts? Looks for slips, gaps, overlaps and data that is gone already' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tisync ts commands' commands "$@"
}
(( $+functions[_tisync__subcmd__ts__subcmd__check_commands] )) ||
_tisync__subcmd__ts__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'tisync ts check commands' commands "$@"
}
(( $+functions[_tisync__subcmd__ts__subcmd__decode_commands] )) ||
_tisync__subcmd__ts__subcmd__decode_commands() {
    local commands; commands=()
    _describe -t commands 'tisync ts decode commands' commands "$@"
}
(( $+functions[_tisync__subcmd__ts__subcmd__encode_commands] )) ||
_tisync__subcmd__ts__subcmd__encode_commands() {
    local commands; commands=()
    _describe -t commands 'tisync ts encode commands' commands "$@"
}
(( $+functions[_tisync__subcmd__ts__subcmd__from-br_commands] )) ||
_tisync__subcmd__ts__subcmd__from-br_commands() {
    local commands; commands=()
    _describe -t commands 'tisync ts from-br commands' commands "$@"
}
(( $+functions[_tisync__subcmd__ts__subcmd__from-dumpling_commands] )) ||
_tisync__subcmd__ts__subcmd__from-dumpling_commands() {
    local commands; commands=()
    _describe -t commands 'tisync ts from-dumpling commands' commands "$@"
}
(( $+functions[_tisync__subcmd__ts__subcmd__help_commands] )) ||
_tisync__subcmd__ts__subcmd__help_commands() {
    local commands; commands=(
'from-br:Print the commit ts that a backup by BR ends at' \
'from-dumpling:Print the commit ts of a dump by Dumpling or mydumper' \
'now:Print the current ts of a cluster' \
'decode:Print the time of each ts' \
'encode:Print the first ts of a time'\''s millisecond' \
'check:Can replication start at a ts? Looks for slips, gaps, overlaps and data that is gone already' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tisync ts help commands' commands "$@"
}
(( $+functions[_tisync__subcmd__ts__subcmd__help__subcmd__check_commands] )) ||
_tisync__subcmd__ts__subcmd__help__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'tisync ts help check commands' commands "$@"
}
(( $+functions[_tisync__subcmd__ts__subcmd__help__subcmd__decode_commands] )) ||
_tisync__subcmd__ts__subcmd__help__subcmd__decode_commands() {
    local commands; commands=()
    _describe -t commands 'tisync ts help decode commands' commands "$@"
}
(( $+functions[_tisync__subcmd__ts__subcmd__help__subcmd__encode_commands] )) ||
_tisync__subcmd__ts__subcmd__help__subcmd__encode_commands() {
    local commands; commands=()
    _describe -t commands 'tisync ts help encode commands' commands "$@"
}
(( $+functions[_tisync__subcmd__ts__subcmd__help__subcmd__from-br_commands] )) ||
_tisync__subcmd__ts__subcmd__help__subcmd__from-br_commands() {
    local commands; commands=()
    _describe -t commands 'tisync ts help from-br commands' commands "$@"
}
(( $+functions[_tisync__subcmd__ts__subcmd__help__subcmd__from-dumpling_commands] )) ||
_tisync__subcmd__ts__subcmd__help__subcmd__from-dumpling_commands() {
    local commands; commands=()
    _describe -t commands 'tisync ts help from-dumpling commands' commands "$@"
}
(( $+functions[_tisync__subcmd__ts__subcmd__help__subcmd__help_commands] )) ||
_tisync__subcmd__ts__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'tisync ts help help commands' commands "$@"
}
(( $+functions[_tisync__subcmd__ts__subcmd__help__subcmd__now_commands] )) ||
_tisync__subcmd__ts__subcmd__help__subcmd__now_commands() {
    local commands; commands=()
    _describe -t commands 'tisync ts help now commands' commands "$@"
}
(( $+functions[_tisync__subcmd__ts__subcmd__now_commands] )) ||
_tisync__subcmd__ts__subcmd__now_commands() {
    local commands; commands=()
    _describe -t commands 'tisync ts now commands' commands "$@"
}

if [ "$funcstack[1]" = "_tisync" ]; then
    _tisync "$@"
else
    compdef _tisync tisync
fi
