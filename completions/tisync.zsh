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
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
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
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
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
'(--crypter-key-file)--crypter-key=[The key in hex digits. All users of this machine can read a command line\: prefer --crypter-key-file, or the environment'\''s TISYNC_CRYPTER_KEY, which counts when neither is given]:HEX:_default' \
'--crypter-key-file=[A file with the key in hex digits]:FILE:_files' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':storage -- The backup'\''s folder or its backupmeta file\: a path, local\:///path or file\:///path; or object storage as BR writes it\: s3\://, gcs\:// (gs\://) or azure\:// (azblob\://) BUCKET/PREFIX with options after a `?`:_default' \
&& ret=0
;;
(from-dumpling)
_arguments "${_arguments_options[@]}" : \
'--time-zone=[The time zone of a position that is a date-time (\`dumpling --snapshot '\''2026-…'\''\`)\: UTC, +08\:00, an IANA name, local]:ZONE:_default' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':path -- The dump'\''s folder or its metadata file\: a path, or object storage\: s3\://, gcs\:// or azure\:// BUCKET/PREFIX:_default' \
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
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
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
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'*::ts -- The ts to decode; `-`, or none at all, reads them from standard input, one per line:_default' \
&& ret=0
;;
(encode)
_arguments "${_arguments_options[@]}" : \
'--time-zone=[The time zone of a time that has none\: UTC, +08\:00, an IANA name, local]:ZONE:_default' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':time -- RFC 3339, a date-time (with --time-zone), `now`, or relative to now\: -15m, -1h30m, -2d, +5s:_default' \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
'--backup=[Look for a gap or overlap with this BR backup, which the target was restored from]:STORAGE:_default' \
'--dump=[Look for a gap or overlap with this dump, which the target was loaded from]:PATH:_default' \
'--backup-ts=[Look for a gap or overlap with a backup or dump that ends at this ts]:TS:_default' \
'--time-zone=[The time zone of a dump'\''s position, if that is a date-time]:ZONE:_default' \
'--crypter-method=[How the backup is encrypted \[default\: plaintext\]]:CRYPTER_METHOD:((plaintext\:"Not encrypted"
aes128-ctr\:"A key of 16 bytes"
aes192-ctr\:"A key of 24 bytes"
aes256-ctr\:"A key of 32 bytes"))' \
'(--crypter-key-file)--crypter-key=[The key in hex digits. All users of this machine can read a command line\: prefer --crypter-key-file, or the environment'\''s TISYNC_CRYPTER_KEY, which counts when neither is given]:HEX:_default' \
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
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':ts -- The start ts to check:_default' \
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
'--config=[A tisync.toml, or a drainer.toml as it is. Flags, and then the environment, override it]:FILE:_files' \
'--from=[Where transactions come from\: \`pd\://host\:port\[,host\:port…\]\` of a TiDB cluster with Pumps, a folder with a recording or with Drainer'\''s files (db-type \`file\`), or the name of a cluster in the file]:SOURCE:_default' \
'--to=[Where they go\: \`mysql\://user@host\:port/?ssl-mode=…\` (MySQL, MariaDB or TiDB), or the name of a cluster in the file]:URL:_default' \
'--start-ts=[Starts after this ts (exclusive)\: a backup'\''s end is exactly right; or \`now\`, which leaves out all earlier changes. Needed on a first start; after that the target'\''s checkpoint decides. A ts, or a time\: \`2026-11-21T13\:00\:00Z\`, \`-2h\`]:TS|TIME|now:_default' \
'--until=[Ends with exit code 0 when everything up to here (inclusive) is applied\: a ts, a time, or \`caught-up\` for PD'\''s current one. A time is the first ts of its millisecond]:TS|TIME|caught-up:_default' \
'(--until)--until-ts=[Ends with exit code 0 when everything up to this commit ts (inclusive) is applied]:TS:_default' \
'*--skip-ddl=[Skips the DDL of this commit ts. Tables that are missing because of it are left out, counted and listed. May be given several times]:TS:_default' \
'*--on-ddl-error=[What to do with a DDL that the target refuses\: \`stop\` (the default) ends the run, \`ask\` asks at the terminal, \`skip\:TS\` skips the one of this commit ts (as \`--skip-ddl TS\`), \`replace\:TS=SQL\` runs SQL instead of it. May be given several times]:stop|ask|skip:TS|replace:TS=SQL:_default' \
'--pending-ddl=[Tells tisync the outcome of a DDL that an earlier run did not see finish]:PENDING_DDL:((done\:"It took effect\: continue after it"
again\:"It did not\: run it again"))' \
'--safe-mode=[Rows may already exist or be missing\: replaces and ignores them instead of stopping. For a start from a backup that is not a consistent snapshot]::BOOL:(true false)' \
'(--safe-mode)--safe-until=[Safe mode up to this ts only\: for a start whose overlap with the data on the target is known to end there]:TS:_default' \
'--sync-mode=[Whether a table must have the same columns on both sides. 1 (the default)\: a missing or extra column is an error. 2\: columns that the target lacks are left out; columns that only the target has keep their values, and new rows get their default, or zero]:1|2:_default' \
'--allow-missing=[Continues even if the target lacks tables that the upstream has; a row for one of them stops the run]::BOOL:(true false)' \
'*--tables=[Which tables are replicated\: patterns as in TiDB'\''s other tools (\`app.*\`, \`!app.tmp_*\`, \`/^a/.*\`, \`@FILE\`), the last pattern that matches a table decides. Separated by commas, or given several times. All tables by default]:PATTERN:_default' \
'*--route=[Gives a database (\`app.*=app2.*\`) or a table (\`app.users=crm.people\`) another name on the target, in rows and DDL. The first match decides. May be given several times]:FROM=TO:_default' \
'*--ignore-ts=[Leaves out the transaction of this commit ts, rows or DDL. May be given several times]:TS:_default' \
'--link=[Name of this link in the target'\''s checkpoint table, \`default\` if not given; with a file of several links, the one to run; without it all of them run]:NAME:_default' \
'--schema-from=[TiDB'\''s status address for the DDL history, if the one registered in PD cannot be reached\: \`http\://host\:10080\`]:URL:_default' \
'--memory-limit=[Maximum memory of the run, plus one raw transaction of the stream if that is larger\: \`256MiB\`, \`1GiB\` or a number of bytes; at least 64MiB. Default\: 256MiB]:SIZE:_default' \
'--workers=[Connections that write to the target at once, 1 to 64. By default, chosen from the round-trip time to the target]:N:_default' \
'--batch-rows=[Row changes per transaction on the target; a larger upstream transaction stays whole. By default, chosen from the round-trip time to the target]:N:_default' \
'--max-txn-rows=[Splits an upstream transaction that changes more rows than this over several transactions on the target, and says so\: readers there may see a part of it. By default, none is ever split]:N:_default' \
'--node-id=[Name of this link'\''s entry in the cluster'\''s list of drainers. By default, derived from the link, the target and the cluster, so that it is the same on every machine]:ID:_default' \
'--addr=[Where to listen for the cluster'\''s Pumps, and for \`/status\`, \`/metrics\` and \`PUT /state\`. By default, port 8249 (or a free one, if that is in use) of the address from which PD is reached]:HOST:PORT:_default' \
'--advertise-addr=[The address to register with the cluster'\''s Pumps, if it differs from --addr]:HOST:PORT:_default' \
'--channel-id=[The channel, the same number on both clusters\: marks every transaction on the target with it]:N:_default' \
'--mark-table=[The mark table, on both clusters \[default\: retl._drainer_repl_mark\]]:DB.TABLE:_default' \
'--other-channels=[What to do with transactions that carry the mark of another channel \[default\: pass\]]:WHAT:((pass\:"They are replicated, as chains and rings of clusters need"
stop\:"The run ends"))' \
'--wrong-side-ddl=[On a link with --loopback and --no-ddl, what to do with an upstream DDL that did not come through the link in the other direction\: \`stop\` (the default) ends the run before it and shows it, \`ignore\` continues without running it. A Drainer does not say which DDL it ran\: with a Drainer in the other direction, use \`ignore\`]:WHAT:((stop\:"The run ends before it"
ignore\:"It is followed and not run on the target"))' \
'--on-conflict=[What to do if a row to change or delete is missing on the target, or the key of a new row already exists\: end the run (the default), or make the row match the upstream. Both count such rows by table]:WHAT:((stop\:"The run ends; nothing of the transaction is applied"
count\:"The target'\''s row becomes what the upstream has"))' \
'--time-zone=[Time zone of the Drainer that wrote the files, for their TIMESTAMPs\: UTC, an offset or an IANA name]:ZONE:_default' \
'--cluster-id=[Id of the cluster that the files come from, which is not in the files\: the target'\''s checkpoint is stored under it]:ID:_default' \
'--ssl-ca=[CA certificate (PEM) of the upstream cluster; turns TLS on]:FILE:_files' \
'--ssl-cert=[Client certificate (PEM) for the upstream cluster]:FILE:_files' \
'--ssl-key=[Private key (PEM) of the client certificate]:FILE:_files' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'--no-ddl[Runs no DDL on the target, as with Drainer'\''s \`sync-ddl = false\`\: something else has to maintain its tables. Rows are still replicated as they are upstream]' \
'--ignore-drainer[On a first start, uses --start-ts even if a Drainer left a different checkpoint on the target]' \
'--take-over[Ends another running process of this link. Without it, the start is refused and shows who that is; a run whose process or machine is gone never blocks the start]' \
'--allow-repeats[Takes over from a Drainer that was not stopped cleanly even if there are tables without a primary key or a unique key of NOT NULL columns\: some of their rows may then exist twice]' \
'--keep-going[With several links\: one that fails does not stop the others. The exit code is still that of the first failure]' \
'(--node-id --addr --advertise-addr)--no-register[Does not register in the cluster and listens on no port. Then Pumps that go offline do not wait for this link]' \
'(--addr --no-register)--no-listen[Listens on no port, and is registered as paused\: Pumps that go offline wait for this link, but new Pumps do not notify it (it finds them by itself), and there is no \`/status\`, \`/metrics\` or \`PUT /state\`]' \
'--loopback[Leaves out transactions that carry the mark of this channel\: they came from the other side. Needs --channel-id\: this link'\''s own writes carry the mark too]' \
'-q[Suppresses notes and progress, but not warnings and errors]' \
'--quiet[Suppresses notes and progress, but not warnings and errors]' \
'--allow-plain-password[Allows sending the target'\''s password to another machine without TLS, where it can be read on the network]' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(checkpoint)
_arguments "${_arguments_options[@]}" : \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_tisync__subcmd__checkpoint_commands" \
"*::: :->checkpoint" \
&& ret=0

    case $state in
    (checkpoint)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-checkpoint-command-$line[1]:"
        case $line[1] in
            (show)
_arguments "${_arguments_options[@]}" : \
'--to=[The target\: \`mysql\://user@host\:port/?ssl-mode=…\`]:URL:_default' \
'--config=[Takes the target from a tisync.toml, or a drainer.toml, which also says where Drainer'\''s checkpoint is]:FILE:_files' \
'--link=[Only this link]:NAME:_default' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'--allow-plain-password[Allows sending the target'\''s password to another machine without TLS, where it can be read on the network]' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(set)
_arguments "${_arguments_options[@]}" : \
'--to=[The target\: \`mysql\://user@host\:port/?ssl-mode=…\`]:URL:_default' \
'--config=[Takes the target from a tisync.toml, or a drainer.toml, which also says where Drainer'\''s checkpoint is]:FILE:_files' \
'--link=[The link'\''s name]:NAME:_default' \
'--cluster-id=[The upstream cluster'\''s id, if several have a link of that name]:ID:_default' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'--allow-plain-password[Allows sending the target'\''s password to another machine without TLS, where it can be read on the network]' \
'--yes[Goes ahead even if something is lost or repeated]' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':ts -- Everything up to this ts counts as applied; replication continues after it:_default' \
&& ret=0
;;
(clear)
_arguments "${_arguments_options[@]}" : \
'--to=[The target\: \`mysql\://user@host\:port/?ssl-mode=…\`]:URL:_default' \
'--config=[Takes the target from a tisync.toml, or a drainer.toml, which also says where Drainer'\''s checkpoint is]:FILE:_files' \
'--link=[The link'\''s name]:NAME:_default' \
'--cluster-id=[The upstream cluster'\''s id, if several have a link of that name]:ID:_default' \
'--from=[PD of the cluster that the link replicates from, where its entry is\: \`pd\://host\:port\[,…\]\`; not needed with --config]:URL:_default' \
'--node-id=[The link'\''s --node-id, if it had one]:ID:_default' \
'--ssl-ca=[CA certificate (PEM) of the upstream cluster; turns TLS on]:FILE:_files' \
'--ssl-cert=[Client certificate (PEM) for the upstream cluster]:FILE:_files' \
'--ssl-key=[Private key (PEM) of the client certificate]:FILE:_files' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'--allow-plain-password[Allows sending the target'\''s password to another machine without TLS, where it can be read on the network]' \
'--yes[Confirms the deletion]' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_tisync__subcmd__checkpoint__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-checkpoint-help-command-$line[1]:"
        case $line[1] in
            (show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(set)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(clear)
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
(schema)
_arguments "${_arguments_options[@]}" : \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_tisync__subcmd__schema_commands" \
"*::: :->schema" \
&& ret=0

    case $state in
    (schema)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-schema-command-$line[1]:"
        case $line[1] in
            (diff)
_arguments "${_arguments_options[@]}" : \
'--config=[A tisync.toml or a drainer.toml with the link]:FILE:_files' \
'--link=[Which link of the file]:NAME:_default' \
'--from=[Where the correct definitions are\: a cluster (pd\://host\:port), a server (mysql\://user@host\:port) or the folder of a Dumpling dump]:SOURCE:_default' \
'--to=[The target\: \`mysql\://user@host\:port/?ssl-mode=…\`]:URL:_default' \
'*--tables=[Which tables, as for \`sync\`; may be given several times]:PATTERN:_default' \
'*--route=[Names on the target, as for \`sync\`; may be given several times]:FROM=TO:_default' \
'--schema-from=[Status address of a TiDB server, \`http\://host\:10080\`, instead of those registered in PD]:URL:_default' \
'--ssl-ca=[CA certificate (PEM) of the upstream cluster; turns TLS on]:FILE:_files' \
'--ssl-cert=[Client certificate (PEM) for the upstream cluster]:FILE:_files' \
'--ssl-key=[Private key (PEM) of the client certificate]:FILE:_files' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'--sql[Prints only the statements]' \
'--allow-plain-password[Allows sending the target'\''s password to another machine without TLS, where it can be read on the network]' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_tisync__subcmd__schema__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-schema-help-command-$line[1]:"
        case $line[1] in
            (diff)
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
(record)
_arguments "${_arguments_options[@]}" : \
'--from=[The TiDB cluster with Pumps\: \`pd\://host\:port\[,host\:port…\]\`]:SOURCE:_default' \
'--dir=[The folder of the recording; created if needed]:DIR:_files' \
'--start-ts=[Where a new recording begins (exclusive)\: a ts or a time; now by default. After that the folder decides]:TS|TIME:_default' \
'--until=[Ends with exit code 0 when everything up to here (inclusive) is recorded\: a ts, a time, or \`caught-up\` for PD'\''s current one]:TS|TIME|caught-up:_default' \
'--part-size=[Starts a new part when one reaches this size]:SIZE:_default' \
'--schema-from=[TiDB'\''s status address for the DDL history, if the one registered in PD cannot be reached\: \`http\://host\:10080\`]:URL:_default' \
'--ssl-ca=[CA certificate (PEM) of the upstream cluster; turns TLS on]:FILE:_files' \
'--ssl-cert=[Client certificate (PEM) for the upstream cluster]:FILE:_files' \
'--ssl-key=[Private key (PEM) of the client certificate]:FILE:_files' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'--compress[Compresses the parts with zstd]' \
'-q[Suppresses notes, but not warnings and errors]' \
'--quiet[Suppresses notes, but not warnings and errors]' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(mark)
_arguments "${_arguments_options[@]}" : \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_tisync__subcmd__mark_commands" \
"*::: :->mark" \
&& ret=0

    case $state in
    (mark)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-mark-command-$line[1]:"
        case $line[1] in
            (setup)
_arguments "${_arguments_options[@]}" : \
'*--to=[A cluster or server\: \`mysql\://user@host\:port/?…\`. May be given twice, for both sides]:URL:_default' \
'--table=[The mark table]:DB.TABLE:_default' \
'--channel-id=[The channel, the same number on both clusters]:N:_default' \
'--rows=[Rows to create, one for each connection that will write at the same time]:N:_default' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'--allow-plain-password[Allows sending the target'\''s password to another machine without TLS, where it can be read on the network]' \
'--dry-run[Prints the SQL, and changes nothing]' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
'*--to=[A cluster or server\: \`mysql\://user@host\:port/?…\`. May be given twice, for both sides]:URL:_default' \
'--table=[The mark table]:DB.TABLE:_default' \
'--channel-id=[Shows only this channel]:N:_default' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'--allow-plain-password[Allows sending the target'\''s password to another machine without TLS, where it can be read on the network]' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(drop)
_arguments "${_arguments_options[@]}" : \
'*--to=[A cluster or server\: \`mysql\://user@host\:port/?…\`. May be given twice, for both sides]:URL:_default' \
'--table=[The mark table]:DB.TABLE:_default' \
'--channel-id=[The channel whose rows are deleted]:N:_default' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'--allow-plain-password[Allows sending the target'\''s password to another machine without TLS, where it can be read on the network]' \
'--dry-run[Prints the SQL, and changes nothing]' \
'-y[Does not ask for confirmation]' \
'--yes[Does not ask for confirmation]' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_tisync__subcmd__mark__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-mark-help-command-$line[1]:"
        case $line[1] in
            (setup)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(drop)
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
(nodes)
_arguments "${_arguments_options[@]}" : \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_tisync__subcmd__nodes_commands" \
"*::: :->nodes" \
&& ret=0

    case $state in
    (nodes)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-nodes-command-$line[1]:"
        case $line[1] in
            (list)
_arguments "${_arguments_options[@]}" : \
'*--pd=[PD'\''s addresses, as in http\://10.0.0.1\:2379, separated by commas]:URL:_default' \
'--ssl-ca=[CA certificate (PEM) of the upstream cluster; turns TLS on]:FILE:_files' \
'--ssl-cert=[Client certificate (PEM) for the upstream cluster]:FILE:_files' \
'--ssl-key=[Private key (PEM) of the client certificate]:FILE:_files' \
'--config=[Takes the address of PD and the TLS files from this tisync.toml or drainer.toml, unless --pd is given]:FILE:_files' \
'--cluster=[The cluster'\''s name in the tisync.toml, if several have a PD]:NAME:_default' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'--all[Include nodes that are offline]' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(pause)
_arguments "${_arguments_options[@]}" : \
'--kind=[Its kind, if a Pump and a drainer have the same id]:KIND:((pump\:"It stores binlog"
drainer\:"It reads binlog\: a Drainer, or a tisync"))' \
'--wait=[Wait until its entry says so, at most this long\: 30s, 5m, 1h]:TIME:_default' \
'*--pd=[PD'\''s addresses, as in http\://10.0.0.1\:2379, separated by commas]:URL:_default' \
'--ssl-ca=[CA certificate (PEM) of the upstream cluster; turns TLS on]:FILE:_files' \
'--ssl-cert=[Client certificate (PEM) for the upstream cluster]:FILE:_files' \
'--ssl-key=[Private key (PEM) of the client certificate]:FILE:_files' \
'--config=[Takes the address of PD and the TLS files from this tisync.toml or drainer.toml, unless --pd is given]:FILE:_files' \
'--cluster=[The cluster'\''s name in the tisync.toml, if several have a PD]:NAME:_default' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':id -- The node id, as `nodes list` shows it:_default' \
&& ret=0
;;
(offline)
_arguments "${_arguments_options[@]}" : \
'--kind=[Its kind, if a Pump and a drainer have the same id]:KIND:((pump\:"It stores binlog"
drainer\:"It reads binlog\: a Drainer, or a tisync"))' \
'--wait=[Wait until its entry says so, at most this long\: 30s, 5m, 1h]:TIME:_default' \
'*--pd=[PD'\''s addresses, as in http\://10.0.0.1\:2379, separated by commas]:URL:_default' \
'--ssl-ca=[CA certificate (PEM) of the upstream cluster; turns TLS on]:FILE:_files' \
'--ssl-cert=[Client certificate (PEM) for the upstream cluster]:FILE:_files' \
'--ssl-key=[Private key (PEM) of the client certificate]:FILE:_files' \
'--config=[Takes the address of PD and the TLS files from this tisync.toml or drainer.toml, unless --pd is given]:FILE:_files' \
'--cluster=[The cluster'\''s name in the tisync.toml, if several have a PD]:NAME:_default' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':id -- The node id, as `nodes list` shows it:_default' \
&& ret=0
;;
(set-state)
_arguments "${_arguments_options[@]}" : \
'--kind=[Its kind, if a Pump and a drainer have the same id]:KIND:((pump\:"It stores binlog"
drainer\:"It reads binlog\: a Drainer, or a tisync"))' \
'*--pd=[PD'\''s addresses, as in http\://10.0.0.1\:2379, separated by commas]:URL:_default' \
'--ssl-ca=[CA certificate (PEM) of the upstream cluster; turns TLS on]:FILE:_files' \
'--ssl-cert=[Client certificate (PEM) for the upstream cluster]:FILE:_files' \
'--ssl-key=[Private key (PEM) of the client certificate]:FILE:_files' \
'--config=[Takes the address of PD and the TLS files from this tisync.toml or drainer.toml, unless --pd is given]:FILE:_files' \
'--cluster=[The cluster'\''s name in the tisync.toml, if several have a PD]:NAME:_default' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'-y[Do not ask before writing]' \
'--yes[Do not ask before writing]' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':id -- The node id, as `nodes list` shows it:_default' \
':state -- The state to write:((online\:"It runs"
pausing\:"It is about to stop"
paused\:"It has stopped, and will come back"
closing\:"It is about to stop for good"
offline\:"It has stopped for good"))' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_tisync__subcmd__nodes__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-nodes-help-command-$line[1]:"
        case $line[1] in
            (list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(pause)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(offline)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(set-state)
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
(config)
_arguments "${_arguments_options[@]}" : \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_tisync__subcmd__config_commands" \
"*::: :->config" \
&& ret=0

    case $state in
    (config)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-config-command-$line[1]:"
        case $line[1] in
            (check)
_arguments "${_arguments_options[@]}" : \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'--offline[Does not connect to anything, so it cannot tell whether a link leads back to its own source under another address]' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':file -- A tisync.toml or a drainer.toml:_files' \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
'--config=[A tisync.toml, or a drainer.toml as it is. Flags, and then the environment, override it]:FILE:_files' \
'--from=[Where transactions come from\: \`pd\://host\:port\[,host\:port…\]\` of a TiDB cluster with Pumps, a folder with a recording or with Drainer'\''s files (db-type \`file\`), or the name of a cluster in the file]:SOURCE:_default' \
'--to=[Where they go\: \`mysql\://user@host\:port/?ssl-mode=…\` (MySQL, MariaDB or TiDB), or the name of a cluster in the file]:URL:_default' \
'--start-ts=[Starts after this ts (exclusive)\: a backup'\''s end is exactly right; or \`now\`, which leaves out all earlier changes. Needed on a first start; after that the target'\''s checkpoint decides. A ts, or a time\: \`2026-11-21T13\:00\:00Z\`, \`-2h\`]:TS|TIME|now:_default' \
'--until=[Ends with exit code 0 when everything up to here (inclusive) is applied\: a ts, a time, or \`caught-up\` for PD'\''s current one. A time is the first ts of its millisecond]:TS|TIME|caught-up:_default' \
'(--until)--until-ts=[Ends with exit code 0 when everything up to this commit ts (inclusive) is applied]:TS:_default' \
'*--skip-ddl=[Skips the DDL of this commit ts. Tables that are missing because of it are left out, counted and listed. May be given several times]:TS:_default' \
'*--on-ddl-error=[What to do with a DDL that the target refuses\: \`stop\` (the default) ends the run, \`ask\` asks at the terminal, \`skip\:TS\` skips the one of this commit ts (as \`--skip-ddl TS\`), \`replace\:TS=SQL\` runs SQL instead of it. May be given several times]:stop|ask|skip:TS|replace:TS=SQL:_default' \
'--pending-ddl=[Tells tisync the outcome of a DDL that an earlier run did not see finish]:PENDING_DDL:((done\:"It took effect\: continue after it"
again\:"It did not\: run it again"))' \
'--safe-mode=[Rows may already exist or be missing\: replaces and ignores them instead of stopping. For a start from a backup that is not a consistent snapshot]::BOOL:(true false)' \
'(--safe-mode)--safe-until=[Safe mode up to this ts only\: for a start whose overlap with the data on the target is known to end there]:TS:_default' \
'--sync-mode=[Whether a table must have the same columns on both sides. 1 (the default)\: a missing or extra column is an error. 2\: columns that the target lacks are left out; columns that only the target has keep their values, and new rows get their default, or zero]:1|2:_default' \
'--allow-missing=[Continues even if the target lacks tables that the upstream has; a row for one of them stops the run]::BOOL:(true false)' \
'*--tables=[Which tables are replicated\: patterns as in TiDB'\''s other tools (\`app.*\`, \`!app.tmp_*\`, \`/^a/.*\`, \`@FILE\`), the last pattern that matches a table decides. Separated by commas, or given several times. All tables by default]:PATTERN:_default' \
'*--route=[Gives a database (\`app.*=app2.*\`) or a table (\`app.users=crm.people\`) another name on the target, in rows and DDL. The first match decides. May be given several times]:FROM=TO:_default' \
'*--ignore-ts=[Leaves out the transaction of this commit ts, rows or DDL. May be given several times]:TS:_default' \
'--link=[Name of this link in the target'\''s checkpoint table, \`default\` if not given; with a file of several links, the one to run; without it all of them run]:NAME:_default' \
'--schema-from=[TiDB'\''s status address for the DDL history, if the one registered in PD cannot be reached\: \`http\://host\:10080\`]:URL:_default' \
'--memory-limit=[Maximum memory of the run, plus one raw transaction of the stream if that is larger\: \`256MiB\`, \`1GiB\` or a number of bytes; at least 64MiB. Default\: 256MiB]:SIZE:_default' \
'--workers=[Connections that write to the target at once, 1 to 64. By default, chosen from the round-trip time to the target]:N:_default' \
'--batch-rows=[Row changes per transaction on the target; a larger upstream transaction stays whole. By default, chosen from the round-trip time to the target]:N:_default' \
'--max-txn-rows=[Splits an upstream transaction that changes more rows than this over several transactions on the target, and says so\: readers there may see a part of it. By default, none is ever split]:N:_default' \
'--node-id=[Name of this link'\''s entry in the cluster'\''s list of drainers. By default, derived from the link, the target and the cluster, so that it is the same on every machine]:ID:_default' \
'--addr=[Where to listen for the cluster'\''s Pumps, and for \`/status\`, \`/metrics\` and \`PUT /state\`. By default, port 8249 (or a free one, if that is in use) of the address from which PD is reached]:HOST:PORT:_default' \
'--advertise-addr=[The address to register with the cluster'\''s Pumps, if it differs from --addr]:HOST:PORT:_default' \
'--channel-id=[The channel, the same number on both clusters\: marks every transaction on the target with it]:N:_default' \
'--mark-table=[The mark table, on both clusters \[default\: retl._drainer_repl_mark\]]:DB.TABLE:_default' \
'--other-channels=[What to do with transactions that carry the mark of another channel \[default\: pass\]]:WHAT:((pass\:"They are replicated, as chains and rings of clusters need"
stop\:"The run ends"))' \
'--wrong-side-ddl=[On a link with --loopback and --no-ddl, what to do with an upstream DDL that did not come through the link in the other direction\: \`stop\` (the default) ends the run before it and shows it, \`ignore\` continues without running it. A Drainer does not say which DDL it ran\: with a Drainer in the other direction, use \`ignore\`]:WHAT:((stop\:"The run ends before it"
ignore\:"It is followed and not run on the target"))' \
'--on-conflict=[What to do if a row to change or delete is missing on the target, or the key of a new row already exists\: end the run (the default), or make the row match the upstream. Both count such rows by table]:WHAT:((stop\:"The run ends; nothing of the transaction is applied"
count\:"The target'\''s row becomes what the upstream has"))' \
'--time-zone=[Time zone of the Drainer that wrote the files, for their TIMESTAMPs\: UTC, an offset or an IANA name]:ZONE:_default' \
'--cluster-id=[Id of the cluster that the files come from, which is not in the files\: the target'\''s checkpoint is stored under it]:ID:_default' \
'--ssl-ca=[CA certificate (PEM) of the upstream cluster; turns TLS on]:FILE:_files' \
'--ssl-cert=[Client certificate (PEM) for the upstream cluster]:FILE:_files' \
'--ssl-key=[Private key (PEM) of the client certificate]:FILE:_files' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'--origin[Shows where each value came from\: a flag, the environment, a line of the file, the default]' \
'--no-ddl[Runs no DDL on the target, as with Drainer'\''s \`sync-ddl = false\`\: something else has to maintain its tables. Rows are still replicated as they are upstream]' \
'--ignore-drainer[On a first start, uses --start-ts even if a Drainer left a different checkpoint on the target]' \
'--take-over[Ends another running process of this link. Without it, the start is refused and shows who that is; a run whose process or machine is gone never blocks the start]' \
'--allow-repeats[Takes over from a Drainer that was not stopped cleanly even if there are tables without a primary key or a unique key of NOT NULL columns\: some of their rows may then exist twice]' \
'--keep-going[With several links\: one that fails does not stop the others. The exit code is still that of the first failure]' \
'(--node-id --addr --advertise-addr)--no-register[Does not register in the cluster and listens on no port. Then Pumps that go offline do not wait for this link]' \
'(--addr --no-register)--no-listen[Listens on no port, and is registered as paused\: Pumps that go offline wait for this link, but new Pumps do not notify it (it finds them by itself), and there is no \`/status\`, \`/metrics\` or \`PUT /state\`]' \
'--loopback[Leaves out transactions that carry the mark of this channel\: they came from the other side. Needs --channel-id\: this link'\''s own writes carry the mark too]' \
'-q[Suppresses notes and progress, but not warnings and errors]' \
'--quiet[Suppresses notes and progress, but not warnings and errors]' \
'--allow-plain-password[Allows sending the target'\''s password to another machine without TLS, where it can be read on the network]' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(filter)
_arguments "${_arguments_options[@]}" : \
'--link=[The link of a file that has several]:NAME:_default' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':file -- A tisync.toml or a drainer.toml:_files' \
'*::tables -- Tables, by the upstream'\''s names\: `db.table`; `db` or `db.*` for the database itself:_default' \
&& ret=0
;;
(convert)
_arguments "${_arguments_options[@]}" : \
'-o+[Writes into this file, which must not exist, instead of standard output. Passwords go into files next to it that only their owner can read]:FILE:_files' \
'--out=[Writes into this file, which must not exist, instead of standard output. Passwords go into files next to it that only their owner can read]:FILE:_files' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'--with-passwords[Writes passwords to the tisync.toml itself]' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':file -- A drainer.toml:_files' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_tisync__subcmd__config__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-config-help-command-$line[1]:"
        case $line[1] in
            (check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(filter)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(convert)
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
(init)
_arguments "${_arguments_options[@]}" : \
'--from-name=[What the file calls the first cluster \[default\: a\]]:NAME:_default' \
'--from-pd=[PD of the first cluster\: \`pd\://host\:port\[,host\:port…\]\`; https\:// with TLS]:URL:_default' \
'--from-sql=[Both ways\: SQL address of the first cluster, \`mysql\://user@host\:port\`]:URL:_default' \
'--from-password-file=[A file whose first line is the password of that account]:FILE:_files' \
'--to-name=[What the file calls the second \[default\: b\]]:NAME:_default' \
'--to=[SQL address of the second, the target\: \`mysql\://user@host\:port/?ssl-mode=…\`; MySQL, MariaDB or TiDB]:URL:_default' \
'--to-password-file=[A file whose first line is the password of that account]:FILE:_files' \
'--to-pd=[Both ways\: PD of the second cluster]:URL:_default' \
'--to-ssl-ca=[CA certificate (PEM) of the second cluster'\''s PD; turns TLS on]:FILE:_files' \
'--to-ssl-cert=[Client certificate (PEM) for it]:FILE:_files' \
'--to-ssl-key=[Private key (PEM) of the client certificate]:FILE:_files' \
'--keep-password=[Where a password that was typed is kept\: only in an environment variable that you set (the default), in its own file next to tisync.toml, or in tisync.toml itself]:WHERE:((env\:"In an environment variable, which the operator sets"
file\:"In a file of its own"
config\:"In tisync.toml"))' \
'--start-from-br=[At the end of this BR backup, which the target was restored from]:STORAGE:_default' \
'--start-from-dumpling=[At the snapshot of this Dumpling dump, which the target was loaded from]:PATH:_default' \
'--start-ts=[After this ts or time; \`now\` leaves out earlier changes]:TS|TIME|now:_default' \
'--time-zone=[The time zone of a dump'\''s position, if that is a date-time]:ZONE:_default' \
'--crypter-method=[How the backup is encrypted \[default\: plaintext\]]:CRYPTER_METHOD:((plaintext\:"Not encrypted"
aes128-ctr\:"A key of 16 bytes"
aes192-ctr\:"A key of 24 bytes"
aes256-ctr\:"A key of 32 bytes"))' \
'(--crypter-key-file)--crypter-key=[The key in hex digits. All users of this machine can read a command line\: prefer --crypter-key-file, or the environment'\''s TISYNC_CRYPTER_KEY, which counts when neither is given]:HEX:_default' \
'--crypter-key-file=[A file with the key in hex digits]:FILE:_files' \
'--back-start-ts=[Both ways\: where the link back begins\: a ts, a time or \`now\` \[default\: now\]]:TS|TIME|now:_default' \
'*--tables=[Which tables, as with \`sync --tables\` \[default\: all\]]:PATTERN:_default' \
'--sync-mode=[Whether both sides must have the same columns \[default\: 1\]]:1|2:_default' \
'--channel-id=[The channel, the same number on both clusters \[default\: 1\]]:N:_default' \
'--mark-table=[The mark table, on both clusters \[default\: retl._drainer_repl_mark\]]:DB.TABLE:_default' \
'--ddl-from=[The name of the cluster whose DDL is replicated to the other; DDL on the other stays there]:NAME:_default' \
'--mark-setup=[Whether to create the mark table and its rows on both clusters now, as \`mark setup\` does]:yes|no:((yes\:"Yes"
no\:"No"))' \
'--config=[Where to write it \[default\: tisync.toml\]]:FILE:_files' \
'--ssl-ca=[CA certificate (PEM) of the upstream cluster; turns TLS on]:FILE:_files' \
'--ssl-cert=[Client certificate (PEM) for the upstream cluster]:FILE:_files' \
'--ssl-key=[Private key (PEM) of the client certificate]:FILE:_files' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'(--one-way)--both[Two links, one each way\: both clusters are sources and targets]' \
'(--to-pd --from-sql --back-start-ts --channel-id --mark-table --ddl-from --mark-setup)--one-way[One link, from the first to the second (the default without a terminal)]' \
'--force[Overwrites an existing file]' \
'--dry-run[Shows the file and writes nothing; changes nothing on the clusters]' \
'-y[Uses the default of each question that has one. Still asked\: questions without a default, whether to overwrite a file, whether to change a cluster]' \
'--yes[Uses the default of each question that has one. Still asked\: questions without a default, whether to overwrite a file, whether to change a cluster]' \
'--unchecked[Continues with a warning if a cluster cannot be reached\: for a file that is written elsewhere]' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(playground)
_arguments "${_arguments_options[@]}" : \
'--rate=[Transactions per second that the simulated cluster commits]:N:_default' \
'--duration=[Duration of the load in seconds]:SECONDS:_default' \
'--pumps=[Number of Pumps that share the load]:N:_default' \
'--seed=[Seed of the generator; the same seed gives the same load]:N:_default' \
'--recording=[Serves this recording instead of the generator'\''s bank]:DIR:_files' \
'--load=[With --both\: writes this many transactions per second on each side for \`--duration\` seconds (Ctrl-C ends it earlier), then compares both, and the marks in each server'\''s own binlog. Exit code 1 if anything is wrong]:N:_default' \
'--ddl-delay=[Milliseconds between a DDL'\''s message and its job'\''s appearance in the history, as on a real cluster]:MS:_default' \
'*--skip-ddl=[Passed on to the sync\: skips the DDL of this commit ts]:TS:_default' \
'--color=[When to colour messages]:COLOR:((auto\:"On a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`"
always\:"Always"
never\:"Never"))' \
'--output=[How the answer is written]:OUTPUT:((text\:"For people and shell variables"
json\:"One JSON value with a \`version\`"
csv\:"A header line and rows"))' \
'--keep[Leaves the private MariaDB running at the end, until Enter or Ctrl-C, and says how to connect]' \
'--serve[Only serves the simulated cluster and prints its address, until Ctrl-C\: for \`tisync sync\` in another terminal]' \
'(--recording --serve)--both[Two private MariaDBs that pose as TiDB clusters, and a link each way\: what is written to either appears in the other, until Ctrl-C. Their tisync.toml is written next to them]' \
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
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
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
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
'*-v[Prints more details on standard error]' \
'*--verbose[Prints more details on standard error]' \
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
(checkpoint)
_arguments "${_arguments_options[@]}" : \
":: :_tisync__subcmd__help__subcmd__checkpoint_commands" \
"*::: :->checkpoint" \
&& ret=0

    case $state in
    (checkpoint)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-help-checkpoint-command-$line[1]:"
        case $line[1] in
            (show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(set)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(clear)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(schema)
_arguments "${_arguments_options[@]}" : \
":: :_tisync__subcmd__help__subcmd__schema_commands" \
"*::: :->schema" \
&& ret=0

    case $state in
    (schema)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-help-schema-command-$line[1]:"
        case $line[1] in
            (diff)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(record)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(mark)
_arguments "${_arguments_options[@]}" : \
":: :_tisync__subcmd__help__subcmd__mark_commands" \
"*::: :->mark" \
&& ret=0

    case $state in
    (mark)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-help-mark-command-$line[1]:"
        case $line[1] in
            (setup)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(drop)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(nodes)
_arguments "${_arguments_options[@]}" : \
":: :_tisync__subcmd__help__subcmd__nodes_commands" \
"*::: :->nodes" \
&& ret=0

    case $state in
    (nodes)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-help-nodes-command-$line[1]:"
        case $line[1] in
            (list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(pause)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(offline)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(set-state)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(config)
_arguments "${_arguments_options[@]}" : \
":: :_tisync__subcmd__help__subcmd__config_commands" \
"*::: :->config" \
&& ret=0

    case $state in
    (config)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:tisync-help-config-command-$line[1]:"
        case $line[1] in
            (check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(filter)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(convert)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(init)
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
'checkpoint:Shows, moves or clears the positions of links on a target' \
'schema:Compares the definitions of tables on both sides' \
'record:Records a cluster'\''s stream in a folder, to be replayed later with \`sync --from DIR\`' \
'mark:The table by which two opposite links recognise changes that came from the other side' \
'nodes:Lists the Pumps and drainers of a cluster, pauses them, takes them offline' \
'config:Checks, shows and converts configurations\: tisync.toml, and drainer.toml as it is' \
'init:Asks for everything that one or two links need, checks each answer at once, and writes a tisync.toml' \
'playground:Demonstrates tisync on this machine\: a simulated TiDB cluster, a private MariaDB and a sync between them' \
'completions:Prints the completion script of a shell' \
'man:Prints a manual page, or writes all of them into a folder' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tisync commands' commands "$@"
}
(( $+functions[_tisync__subcmd__checkpoint_commands] )) ||
_tisync__subcmd__checkpoint_commands() {
    local commands; commands=(
'show:Shows the position of each link on the target, and Drainer'\''s own checkpoint' \
'set:Moves a link to another commit ts, and says what that loses or repeats' \
'clear:Deletes a link'\''s checkpoint, and removes its entry from PD'\''s list of Drainers\: its next start is a first start' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tisync checkpoint commands' commands "$@"
}
(( $+functions[_tisync__subcmd__checkpoint__subcmd__clear_commands] )) ||
_tisync__subcmd__checkpoint__subcmd__clear_commands() {
    local commands; commands=()
    _describe -t commands 'tisync checkpoint clear commands' commands "$@"
}
(( $+functions[_tisync__subcmd__checkpoint__subcmd__help_commands] )) ||
_tisync__subcmd__checkpoint__subcmd__help_commands() {
    local commands; commands=(
'show:Shows the position of each link on the target, and Drainer'\''s own checkpoint' \
'set:Moves a link to another commit ts, and says what that loses or repeats' \
'clear:Deletes a link'\''s checkpoint, and removes its entry from PD'\''s list of Drainers\: its next start is a first start' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tisync checkpoint help commands' commands "$@"
}
(( $+functions[_tisync__subcmd__checkpoint__subcmd__help__subcmd__clear_commands] )) ||
_tisync__subcmd__checkpoint__subcmd__help__subcmd__clear_commands() {
    local commands; commands=()
    _describe -t commands 'tisync checkpoint help clear commands' commands "$@"
}
(( $+functions[_tisync__subcmd__checkpoint__subcmd__help__subcmd__help_commands] )) ||
_tisync__subcmd__checkpoint__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'tisync checkpoint help help commands' commands "$@"
}
(( $+functions[_tisync__subcmd__checkpoint__subcmd__help__subcmd__set_commands] )) ||
_tisync__subcmd__checkpoint__subcmd__help__subcmd__set_commands() {
    local commands; commands=()
    _describe -t commands 'tisync checkpoint help set commands' commands "$@"
}
(( $+functions[_tisync__subcmd__checkpoint__subcmd__help__subcmd__show_commands] )) ||
_tisync__subcmd__checkpoint__subcmd__help__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'tisync checkpoint help show commands' commands "$@"
}
(( $+functions[_tisync__subcmd__checkpoint__subcmd__set_commands] )) ||
_tisync__subcmd__checkpoint__subcmd__set_commands() {
    local commands; commands=()
    _describe -t commands 'tisync checkpoint set commands' commands "$@"
}
(( $+functions[_tisync__subcmd__checkpoint__subcmd__show_commands] )) ||
_tisync__subcmd__checkpoint__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'tisync checkpoint show commands' commands "$@"
}
(( $+functions[_tisync__subcmd__completions_commands] )) ||
_tisync__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'tisync completions commands' commands "$@"
}
(( $+functions[_tisync__subcmd__config_commands] )) ||
_tisync__subcmd__config_commands() {
    local commands; commands=(
'check:Reports all errors in a file, and anything else worth knowing about it. Asks the clusters for their identity, and changes nothing there' \
'show:Shows the settings that \`tisync sync\` with the same arguments would use. Passwords are never shown' \
'filter:Shows for each table whether a link replicates it, and which rule decides. Exit code 1 if one of them is left out' \
'convert:Writes the tisync.toml equivalent of a drainer.toml, with comments that say what each line was' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tisync config commands' commands "$@"
}
(( $+functions[_tisync__subcmd__config__subcmd__check_commands] )) ||
_tisync__subcmd__config__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'tisync config check commands' commands "$@"
}
(( $+functions[_tisync__subcmd__config__subcmd__convert_commands] )) ||
_tisync__subcmd__config__subcmd__convert_commands() {
    local commands; commands=()
    _describe -t commands 'tisync config convert commands' commands "$@"
}
(( $+functions[_tisync__subcmd__config__subcmd__filter_commands] )) ||
_tisync__subcmd__config__subcmd__filter_commands() {
    local commands; commands=()
    _describe -t commands 'tisync config filter commands' commands "$@"
}
(( $+functions[_tisync__subcmd__config__subcmd__help_commands] )) ||
_tisync__subcmd__config__subcmd__help_commands() {
    local commands; commands=(
'check:Reports all errors in a file, and anything else worth knowing about it. Asks the clusters for their identity, and changes nothing there' \
'show:Shows the settings that \`tisync sync\` with the same arguments would use. Passwords are never shown' \
'filter:Shows for each table whether a link replicates it, and which rule decides. Exit code 1 if one of them is left out' \
'convert:Writes the tisync.toml equivalent of a drainer.toml, with comments that say what each line was' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tisync config help commands' commands "$@"
}
(( $+functions[_tisync__subcmd__config__subcmd__help__subcmd__check_commands] )) ||
_tisync__subcmd__config__subcmd__help__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'tisync config help check commands' commands "$@"
}
(( $+functions[_tisync__subcmd__config__subcmd__help__subcmd__convert_commands] )) ||
_tisync__subcmd__config__subcmd__help__subcmd__convert_commands() {
    local commands; commands=()
    _describe -t commands 'tisync config help convert commands' commands "$@"
}
(( $+functions[_tisync__subcmd__config__subcmd__help__subcmd__filter_commands] )) ||
_tisync__subcmd__config__subcmd__help__subcmd__filter_commands() {
    local commands; commands=()
    _describe -t commands 'tisync config help filter commands' commands "$@"
}
(( $+functions[_tisync__subcmd__config__subcmd__help__subcmd__help_commands] )) ||
_tisync__subcmd__config__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'tisync config help help commands' commands "$@"
}
(( $+functions[_tisync__subcmd__config__subcmd__help__subcmd__show_commands] )) ||
_tisync__subcmd__config__subcmd__help__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'tisync config help show commands' commands "$@"
}
(( $+functions[_tisync__subcmd__config__subcmd__show_commands] )) ||
_tisync__subcmd__config__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'tisync config show commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help_commands] )) ||
_tisync__subcmd__help_commands() {
    local commands; commands=(
'ts:Finds, checks and converts timestamps (TSO)' \
'sync:Replicates\: pulls transactions from a cluster (or a folder) and applies them to a target' \
'checkpoint:Shows, moves or clears the positions of links on a target' \
'schema:Compares the definitions of tables on both sides' \
'record:Records a cluster'\''s stream in a folder, to be replayed later with \`sync --from DIR\`' \
'mark:The table by which two opposite links recognise changes that came from the other side' \
'nodes:Lists the Pumps and drainers of a cluster, pauses them, takes them offline' \
'config:Checks, shows and converts configurations\: tisync.toml, and drainer.toml as it is' \
'init:Asks for everything that one or two links need, checks each answer at once, and writes a tisync.toml' \
'playground:Demonstrates tisync on this machine\: a simulated TiDB cluster, a private MariaDB and a sync between them' \
'completions:Prints the completion script of a shell' \
'man:Prints a manual page, or writes all of them into a folder' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tisync help commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__checkpoint_commands] )) ||
_tisync__subcmd__help__subcmd__checkpoint_commands() {
    local commands; commands=(
'show:Shows the position of each link on the target, and Drainer'\''s own checkpoint' \
'set:Moves a link to another commit ts, and says what that loses or repeats' \
'clear:Deletes a link'\''s checkpoint, and removes its entry from PD'\''s list of Drainers\: its next start is a first start' \
    )
    _describe -t commands 'tisync help checkpoint commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__checkpoint__subcmd__clear_commands] )) ||
_tisync__subcmd__help__subcmd__checkpoint__subcmd__clear_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help checkpoint clear commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__checkpoint__subcmd__set_commands] )) ||
_tisync__subcmd__help__subcmd__checkpoint__subcmd__set_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help checkpoint set commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__checkpoint__subcmd__show_commands] )) ||
_tisync__subcmd__help__subcmd__checkpoint__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help checkpoint show commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__completions_commands] )) ||
_tisync__subcmd__help__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help completions commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__config_commands] )) ||
_tisync__subcmd__help__subcmd__config_commands() {
    local commands; commands=(
'check:Reports all errors in a file, and anything else worth knowing about it. Asks the clusters for their identity, and changes nothing there' \
'show:Shows the settings that \`tisync sync\` with the same arguments would use. Passwords are never shown' \
'filter:Shows for each table whether a link replicates it, and which rule decides. Exit code 1 if one of them is left out' \
'convert:Writes the tisync.toml equivalent of a drainer.toml, with comments that say what each line was' \
    )
    _describe -t commands 'tisync help config commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__config__subcmd__check_commands] )) ||
_tisync__subcmd__help__subcmd__config__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help config check commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__config__subcmd__convert_commands] )) ||
_tisync__subcmd__help__subcmd__config__subcmd__convert_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help config convert commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__config__subcmd__filter_commands] )) ||
_tisync__subcmd__help__subcmd__config__subcmd__filter_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help config filter commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__config__subcmd__show_commands] )) ||
_tisync__subcmd__help__subcmd__config__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help config show commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__help_commands] )) ||
_tisync__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help help commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__init_commands] )) ||
_tisync__subcmd__help__subcmd__init_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help init commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__man_commands] )) ||
_tisync__subcmd__help__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help man commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__mark_commands] )) ||
_tisync__subcmd__help__subcmd__mark_commands() {
    local commands; commands=(
'setup:Creates the mark table and the rows of a channel if they are missing; existing ones are left as they are' \
'status:Shows the rows\: how many transactions carried them, and which links use them' \
'drop:Deletes the rows of a channel that is no longer in use' \
    )
    _describe -t commands 'tisync help mark commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__mark__subcmd__drop_commands] )) ||
_tisync__subcmd__help__subcmd__mark__subcmd__drop_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help mark drop commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__mark__subcmd__setup_commands] )) ||
_tisync__subcmd__help__subcmd__mark__subcmd__setup_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help mark setup commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__mark__subcmd__status_commands] )) ||
_tisync__subcmd__help__subcmd__mark__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help mark status commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__nodes_commands] )) ||
_tisync__subcmd__help__subcmd__nodes_commands() {
    local commands; commands=(
'list:List Pumps and drainers with their positions and whether they are alive' \
'pause:Ask a Pump or drainer to pause' \
'offline:Ask a Pump or drainer to go offline for good' \
'set-state:Write a state to the entry of a node that is gone' \
    )
    _describe -t commands 'tisync help nodes commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__nodes__subcmd__list_commands] )) ||
_tisync__subcmd__help__subcmd__nodes__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help nodes list commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__nodes__subcmd__offline_commands] )) ||
_tisync__subcmd__help__subcmd__nodes__subcmd__offline_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help nodes offline commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__nodes__subcmd__pause_commands] )) ||
_tisync__subcmd__help__subcmd__nodes__subcmd__pause_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help nodes pause commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__nodes__subcmd__set-state_commands] )) ||
_tisync__subcmd__help__subcmd__nodes__subcmd__set-state_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help nodes set-state commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__playground_commands] )) ||
_tisync__subcmd__help__subcmd__playground_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help playground commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__record_commands] )) ||
_tisync__subcmd__help__subcmd__record_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help record commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__schema_commands] )) ||
_tisync__subcmd__help__subcmd__schema_commands() {
    local commands; commands=(
'diff:Compares the definitions of all replicated tables, and prints the SQL that makes the target'\''s like the upstream'\''s' \
    )
    _describe -t commands 'tisync help schema commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__schema__subcmd__diff_commands] )) ||
_tisync__subcmd__help__subcmd__schema__subcmd__diff_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help schema diff commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__sync_commands] )) ||
_tisync__subcmd__help__subcmd__sync_commands() {
    local commands; commands=()
    _describe -t commands 'tisync help sync commands' commands "$@"
}
(( $+functions[_tisync__subcmd__help__subcmd__ts_commands] )) ||
_tisync__subcmd__help__subcmd__ts_commands() {
    local commands; commands=(
'from-br:Print the commit ts at the end of a BR backup' \
'from-dumpling:Print the commit ts of a Dumpling or mydumper dump' \
'now:Print the current ts of a cluster' \
'decode:Print the time of each ts' \
'encode:Print the first ts of a time'\''s millisecond' \
'check:Check whether replication can start at a ts\: typing errors, gaps, overlaps, data already deleted' \
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
(( $+functions[_tisync__subcmd__init_commands] )) ||
_tisync__subcmd__init_commands() {
    local commands; commands=()
    _describe -t commands 'tisync init commands' commands "$@"
}
(( $+functions[_tisync__subcmd__man_commands] )) ||
_tisync__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'tisync man commands' commands "$@"
}
(( $+functions[_tisync__subcmd__mark_commands] )) ||
_tisync__subcmd__mark_commands() {
    local commands; commands=(
'setup:Creates the mark table and the rows of a channel if they are missing; existing ones are left as they are' \
'status:Shows the rows\: how many transactions carried them, and which links use them' \
'drop:Deletes the rows of a channel that is no longer in use' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tisync mark commands' commands "$@"
}
(( $+functions[_tisync__subcmd__mark__subcmd__drop_commands] )) ||
_tisync__subcmd__mark__subcmd__drop_commands() {
    local commands; commands=()
    _describe -t commands 'tisync mark drop commands' commands "$@"
}
(( $+functions[_tisync__subcmd__mark__subcmd__help_commands] )) ||
_tisync__subcmd__mark__subcmd__help_commands() {
    local commands; commands=(
'setup:Creates the mark table and the rows of a channel if they are missing; existing ones are left as they are' \
'status:Shows the rows\: how many transactions carried them, and which links use them' \
'drop:Deletes the rows of a channel that is no longer in use' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tisync mark help commands' commands "$@"
}
(( $+functions[_tisync__subcmd__mark__subcmd__help__subcmd__drop_commands] )) ||
_tisync__subcmd__mark__subcmd__help__subcmd__drop_commands() {
    local commands; commands=()
    _describe -t commands 'tisync mark help drop commands' commands "$@"
}
(( $+functions[_tisync__subcmd__mark__subcmd__help__subcmd__help_commands] )) ||
_tisync__subcmd__mark__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'tisync mark help help commands' commands "$@"
}
(( $+functions[_tisync__subcmd__mark__subcmd__help__subcmd__setup_commands] )) ||
_tisync__subcmd__mark__subcmd__help__subcmd__setup_commands() {
    local commands; commands=()
    _describe -t commands 'tisync mark help setup commands' commands "$@"
}
(( $+functions[_tisync__subcmd__mark__subcmd__help__subcmd__status_commands] )) ||
_tisync__subcmd__mark__subcmd__help__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'tisync mark help status commands' commands "$@"
}
(( $+functions[_tisync__subcmd__mark__subcmd__setup_commands] )) ||
_tisync__subcmd__mark__subcmd__setup_commands() {
    local commands; commands=()
    _describe -t commands 'tisync mark setup commands' commands "$@"
}
(( $+functions[_tisync__subcmd__mark__subcmd__status_commands] )) ||
_tisync__subcmd__mark__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'tisync mark status commands' commands "$@"
}
(( $+functions[_tisync__subcmd__nodes_commands] )) ||
_tisync__subcmd__nodes_commands() {
    local commands; commands=(
'list:List Pumps and drainers with their positions and whether they are alive' \
'pause:Ask a Pump or drainer to pause' \
'offline:Ask a Pump or drainer to go offline for good' \
'set-state:Write a state to the entry of a node that is gone' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tisync nodes commands' commands "$@"
}
(( $+functions[_tisync__subcmd__nodes__subcmd__help_commands] )) ||
_tisync__subcmd__nodes__subcmd__help_commands() {
    local commands; commands=(
'list:List Pumps and drainers with their positions and whether they are alive' \
'pause:Ask a Pump or drainer to pause' \
'offline:Ask a Pump or drainer to go offline for good' \
'set-state:Write a state to the entry of a node that is gone' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tisync nodes help commands' commands "$@"
}
(( $+functions[_tisync__subcmd__nodes__subcmd__help__subcmd__help_commands] )) ||
_tisync__subcmd__nodes__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'tisync nodes help help commands' commands "$@"
}
(( $+functions[_tisync__subcmd__nodes__subcmd__help__subcmd__list_commands] )) ||
_tisync__subcmd__nodes__subcmd__help__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'tisync nodes help list commands' commands "$@"
}
(( $+functions[_tisync__subcmd__nodes__subcmd__help__subcmd__offline_commands] )) ||
_tisync__subcmd__nodes__subcmd__help__subcmd__offline_commands() {
    local commands; commands=()
    _describe -t commands 'tisync nodes help offline commands' commands "$@"
}
(( $+functions[_tisync__subcmd__nodes__subcmd__help__subcmd__pause_commands] )) ||
_tisync__subcmd__nodes__subcmd__help__subcmd__pause_commands() {
    local commands; commands=()
    _describe -t commands 'tisync nodes help pause commands' commands "$@"
}
(( $+functions[_tisync__subcmd__nodes__subcmd__help__subcmd__set-state_commands] )) ||
_tisync__subcmd__nodes__subcmd__help__subcmd__set-state_commands() {
    local commands; commands=()
    _describe -t commands 'tisync nodes help set-state commands' commands "$@"
}
(( $+functions[_tisync__subcmd__nodes__subcmd__list_commands] )) ||
_tisync__subcmd__nodes__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'tisync nodes list commands' commands "$@"
}
(( $+functions[_tisync__subcmd__nodes__subcmd__offline_commands] )) ||
_tisync__subcmd__nodes__subcmd__offline_commands() {
    local commands; commands=()
    _describe -t commands 'tisync nodes offline commands' commands "$@"
}
(( $+functions[_tisync__subcmd__nodes__subcmd__pause_commands] )) ||
_tisync__subcmd__nodes__subcmd__pause_commands() {
    local commands; commands=()
    _describe -t commands 'tisync nodes pause commands' commands "$@"
}
(( $+functions[_tisync__subcmd__nodes__subcmd__set-state_commands] )) ||
_tisync__subcmd__nodes__subcmd__set-state_commands() {
    local commands; commands=()
    _describe -t commands 'tisync nodes set-state commands' commands "$@"
}
(( $+functions[_tisync__subcmd__playground_commands] )) ||
_tisync__subcmd__playground_commands() {
    local commands; commands=()
    _describe -t commands 'tisync playground commands' commands "$@"
}
(( $+functions[_tisync__subcmd__record_commands] )) ||
_tisync__subcmd__record_commands() {
    local commands; commands=()
    _describe -t commands 'tisync record commands' commands "$@"
}
(( $+functions[_tisync__subcmd__schema_commands] )) ||
_tisync__subcmd__schema_commands() {
    local commands; commands=(
'diff:Compares the definitions of all replicated tables, and prints the SQL that makes the target'\''s like the upstream'\''s' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tisync schema commands' commands "$@"
}
(( $+functions[_tisync__subcmd__schema__subcmd__diff_commands] )) ||
_tisync__subcmd__schema__subcmd__diff_commands() {
    local commands; commands=()
    _describe -t commands 'tisync schema diff commands' commands "$@"
}
(( $+functions[_tisync__subcmd__schema__subcmd__help_commands] )) ||
_tisync__subcmd__schema__subcmd__help_commands() {
    local commands; commands=(
'diff:Compares the definitions of all replicated tables, and prints the SQL that makes the target'\''s like the upstream'\''s' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'tisync schema help commands' commands "$@"
}
(( $+functions[_tisync__subcmd__schema__subcmd__help__subcmd__diff_commands] )) ||
_tisync__subcmd__schema__subcmd__help__subcmd__diff_commands() {
    local commands; commands=()
    _describe -t commands 'tisync schema help diff commands' commands "$@"
}
(( $+functions[_tisync__subcmd__schema__subcmd__help__subcmd__help_commands] )) ||
_tisync__subcmd__schema__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'tisync schema help help commands' commands "$@"
}
(( $+functions[_tisync__subcmd__sync_commands] )) ||
_tisync__subcmd__sync_commands() {
    local commands; commands=()
    _describe -t commands 'tisync sync commands' commands "$@"
}
(( $+functions[_tisync__subcmd__ts_commands] )) ||
_tisync__subcmd__ts_commands() {
    local commands; commands=(
'from-br:Print the commit ts at the end of a BR backup' \
'from-dumpling:Print the commit ts of a Dumpling or mydumper dump' \
'now:Print the current ts of a cluster' \
'decode:Print the time of each ts' \
'encode:Print the first ts of a time'\''s millisecond' \
'check:Check whether replication can start at a ts\: typing errors, gaps, overlaps, data already deleted' \
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
'from-br:Print the commit ts at the end of a BR backup' \
'from-dumpling:Print the commit ts of a Dumpling or mydumper dump' \
'now:Print the current ts of a cluster' \
'decode:Print the time of each ts' \
'encode:Print the first ts of a time'\''s millisecond' \
'check:Check whether replication can start at a ts\: typing errors, gaps, overlaps, data already deleted' \
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
