use proptest::prelude::*;

use super::*;

fn position(log: &str, pos: &str, gtid: Option<&str>) -> Option<Position> {
    Some(Position { log: Some(log.into()), pos: Some(pos.into()), gtid: gtid.map(str::to_owned) })
}

#[test]
fn dumpling_of_tidb() {
    let text = "Started dump at: 2020-11-10 10:40:19\nSHOW MASTER STATUS:\n\tLog: tidb-binlog\n\tPos: 420747102018863124\n\nFinished dump at: 2020-11-10 10:40:20\n";
    for text in [
        text.to_owned(),
        text.replace('\n', "\r\n"),
        format!("\u{feff}{text}"),
        text.replace('\t', "    "),
        text.replace("MASTER", "BINARY LOG"),
    ] {
        let file = Metadata::parse(&text).unwrap();
        assert_eq!(file.position, position("tidb-binlog", "420747102018863124", None), "{text:?}");
        assert_eq!(file.started.as_deref(), Some("2020-11-10 10:40:19"));
        assert_eq!(file.finished.as_deref(), Some("2020-11-10 10:40:20"));
        assert_eq!((file.layout, file.replicas), (Layout::Headed, 0));
    }
}

#[test]
fn the_first_block_counts() {
    let text = "SHOW MASTER STATUS:\n\tGTID:\n\tPos: 7\n\tHost: x\n\tLog: a.1\nSHOW MASTER STATUS: /* AFTER CONNECTION POOL ESTABLISHED */\n\tLog: a.1\n\tPos: 9\n";
    let file = Metadata::parse(text).unwrap();
    assert_eq!(file.position, position("a.1", "7", Some("")));
    assert_eq!(file.after_connect, position("a.1", "9", None));
    assert_eq!((file.finished, file.contradiction), (None, None));
    let swapped = Metadata::parse(
        "SHOW MASTER STATUS: /* AFTER CONNECTION POOL ESTABLISHED */\n\tLog: a.1\n\tPos: 9\n SHOW MASTER STATUS:\n\tPos: 7\n",
    );
    let known = swapped.unwrap();
    assert_eq!(known.position.unwrap().pos.as_deref(), Some("7"));
}

#[test]
fn replicas_do_not_leak_into_the_servers_own_position() {
    let text = "Started dump at: x\nSHOW SLAVE STATUS:\n\tConnection name: one\n\tHost: h\n\tLog: m.2\n\tPos: 4\n\tGTID:\n\nSHOW MASTER STATUS:\n\tLog: tidb-binlog\n\tPos: 5\nSHOW REPLICA STATUS:\n\tLog: m.3\n\tPos: 6\n";
    let file = Metadata::parse(text).unwrap();
    assert_eq!(file.position, position("tidb-binlog", "5", None));
    assert_eq!(file.replicas, 2);
}

#[test]
fn sets_of_gtids_over_several_lines() {
    let text = "SHOW MASTER STATUS:\n\tLog: m.2\n\tGTID:6ce40be3-0000:1-7,\n9afe121c-0000:1-99,\nb9afe121c-0000:5\n\tPos: 197\n";
    let file = Metadata::parse(text).unwrap();
    assert_eq!(file.position, position("m.2", "197", Some("6ce40be3-0000:1-7,9afe121c-0000:1-99,b9afe121c-0000:5")));
}

#[test]
fn mydumpers_ini() {
    let text = "# Started dump at: 2023-06-09 11:47:18\n[config]\nquote-character = BACKTICK\n\n[master]\n# Channel_Name = '' # a word\nFile = tidb-binlog\nPosition = 420747102018863124\nExecuted_Gtid_Set = \n\n[`db`.`t`]\nRows = 2\nPosition = 3\n# Finished dump at: 2023-06-09 11:47:18\n";
    for text in [
        text.to_owned(),
        text.replace("[master]", "[source]"),
        text.replace("File = tidb-binlog", "SOURCE_LOG_FILE = \"tidb-binlog\"")
            .replace("Position = 42", "#SOURCE_LOG_POS = 42"),
    ] {
        let file = Metadata::parse(&text).unwrap();
        assert_eq!(file.position, position("tidb-binlog", "420747102018863124", Some("")), "{text}");
        assert_eq!((file.layout, file.replicas, file.finished.is_some()), (Layout::Ini, 0, true));
    }
}

#[test]
fn contradictions_and_other_files() {
    let file = Metadata::parse("SHOW MASTER STATUS:\nLog: a\nPos: 1\nPos: 2\n").unwrap();
    assert_eq!(file.contradiction.as_deref(), Some("Pos: `1` and `2`"));
    for other in
        ["", "CREATE TABLE t (a INT);\nINSERT INTO t VALUES (1);", "Log: tidb-binlog\nPos: 5", "[server]\nport = 1"]
    {
        assert_eq!(Metadata::parse(other), None, "{other}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(SHOW |MASTER STATUS|\\[source\\]|File|=|:|\n|\t|#|Log|Pos|,|\\PC){0,60}") {
        let _ = Metadata::parse(&text);
    }
}
