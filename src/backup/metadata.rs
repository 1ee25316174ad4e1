//! The text of a dump's `metadata` file, taken apart without judging it (spec/tidb-binlog.md §11.4).
//!
//! Dumpling and older mydumpers write headed blocks of `Key: value` lines; newer mydumpers write an INI-like file.

/// Who lays a metadata file out like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Dumpling, and mydumper up to 0.11: `SHOW MASTER STATUS:`, then indented `Log: …`, `Pos: …`.
    Headed,
    /// mydumper from 0.12 on: `[source]`, then `File = …`, `Position = …`.
    Ini,
}

/// One server's position, as it stands in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// A binlog's name; `tidb-binlog` for TiDB.
    pub log: Option<String>,
    /// An offset in a MySQL binlog; for TiDB a TSO, or the text that was given as `--snapshot`.
    pub pos: Option<String>,
    /// Servers with GTIDs only; several lines joined.
    pub gtid: Option<String>,
}

/// What a metadata file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Who laid it out.
    pub layout: Layout,
    /// In the dump host's own time zone, which the file does not name.
    pub started: Option<String>,
    /// Missing when the dump has not come to its end.
    pub finished: Option<String>,
    /// The position of the dumped server itself, taken before the data was read.
    pub position: Option<Position>,
    /// The same, taken again after all connections were open.
    pub after_connect: Option<Position>,
    /// How many positions of other servers, whose replica the dumped one was, follow.
    pub replicas: usize,
    /// Two values for one key in the first position: which one holds cannot be told.
    pub contradiction: Option<String>,
}

/// Whose position a block gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    None,
    Own,
    AfterConnect,
    Other,
}

impl Metadata {
    /// What `text` says; `None` when not one line of it is of a metadata file.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let ini = text.lines().map(str::trim_start).any(|l| l.starts_with("# Started dump at") || l.starts_with('['));
        let layout = if ini { Layout::Ini } else { Layout::Headed };
        let mut file = Self {
            layout,
            started: None,
            finished: None,
            position: None,
            after_connect: None,
            replicas: 0,
            contradiction: None,
        };
        let mut section = Section::None;
        for line in text.lines().map(str::trim) {
            let bare = line.trim_start_matches('#').trim_start();
            if let Some(when) = bare.strip_prefix("Started dump at:") {
                file.started = Some(when.trim().to_owned());
            } else if let Some(when) = bare.strip_prefix("Finished dump at:") {
                file.finished = Some(when.trim().to_owned());
            } else if let Some(next) = header(line, layout) {
                section = file.open(next);
            } else {
                file.line(section, bare);
            }
        }
        let known = file.started.is_some() || file.finished.is_some() || file.position.is_some() || file.replicas > 0;
        known.then_some(file)
    }

    /// Begins a block; a second one of the server itself is the position after connecting, whatever its header says.
    fn open(&mut self, section: Section) -> Section {
        match section {
            Section::Own if self.position.is_some() => self.open(Section::AfterConnect),
            Section::Own => {
                self.position = Some(Position::default());
                section
            }
            Section::AfterConnect => {
                self.after_connect = Some(Position::default());
                section
            }
            Section::Other => {
                self.replicas += 1;
                section
            }
            Section::None => section,
        }
    }

    /// One line of a block.
    fn line(&mut self, section: Section, line: &str) {
        let position = match section {
            Section::Own => &mut self.position,
            Section::AfterConnect => &mut self.after_connect,
            Section::Other | Section::None => return,
        };
        let Some(position) = position else { return };
        let (name, value) = match self.layout {
            Layout::Headed => line.split_once(':').unwrap_or((line, "")),
            Layout::Ini => line.split_once('=').unwrap_or((line, "")),
        };
        let value = value.trim().trim_matches(['"', '\'']).to_owned();
        let slot = match (self.layout, name.trim().to_ascii_lowercase().as_str()) {
            (Layout::Headed, "log") | (Layout::Ini, "file" | "source_log_file" | "master_log_file") => {
                &mut position.log
            }
            (Layout::Headed, "pos") | (Layout::Ini, "position" | "source_log_pos" | "master_log_pos") => {
                &mut position.pos
            }
            (Layout::Headed, "gtid") | (Layout::Ini, "executed_gtid_set") => &mut position.gtid,
            _ => {
                // The sets of MySQL run over several lines, each but the last ending with a comma.
                if let Some(set) = position.gtid.as_mut().filter(|set| set.ends_with(',')) {
                    set.push_str(line);
                }
                return;
            }
        };
        match slot {
            Some(first) if *first != value && section == Section::Own => {
                self.contradiction = Some(format!("{}: `{first}` and `{value}`", name.trim()));
            }
            Some(_) => {}
            None => *slot = Some(value),
        }
    }
}

/// Whose block `line` begins; `None` for any other line.
fn header(line: &str, layout: Layout) -> Option<Section> {
    if layout == Layout::Ini {
        let name = line.strip_prefix('[')?.strip_suffix(']')?.to_ascii_lowercase();
        return Some(match name.as_str() {
            "master" | "source" => Section::Own,
            _ if name.starts_with("replication") || name.starts_with("slave") || name.starts_with("replica") => {
                Section::Other
            }
            _ => Section::None,
        });
    }
    let upper = line.to_ascii_uppercase();
    let query = upper.strip_prefix("SHOW ")?;
    Some(if query.starts_with("MASTER STATUS") || query.starts_with("BINARY LOG STATUS") {
        if query.contains("AFTER CONNECTION") { Section::AfterConnect } else { Section::Own }
    } else {
        Section::Other
    })
}

#[cfg(test)]
mod tests {
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
        assert_eq!(
            file.position,
            position("m.2", "197", Some("6ce40be3-0000:1-7,9afe121c-0000:1-99,b9afe121c-0000:5"))
        );
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
}
