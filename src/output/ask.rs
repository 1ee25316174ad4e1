//! Asks at the terminal what to do about a DDL that the target refuses.

use std::io::{self, BufRead, IsTerminal, Write};

use super::hidden;
use super::plain::{message, one_line};
use crate::sink::mysql::{Answer, DdlTrouble};

/// Whether there is somebody to ask: a terminal to read from and to show the question on.
#[must_use]
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// The answer of whoever sits there; `before` says whose question it is.
pub(super) fn at_terminal(before: &str, trouble: &DdlTrouble) -> Answer {
    // Standard error is not locked: other links go on, and may have something to say.
    ask(before, trouble, &mut io::stdin().lock(), &mut io::stderr())
}

/// Shows the trouble and asks until there is an answer; the end of the input means to stop.
fn ask(before: &str, trouble: &DdlTrouble, input: &mut dyn BufRead, out: &mut dyn Write) -> Answer {
    // Nobody is left to ask where the question cannot be shown.
    let shown = writeln!(
        out,
        "\n{before}This DDL did not run on the target (commit ts {}, database `{}`):\n  {}\n{}",
        trouble.commit_ts.explain(),
        one_line(&trouble.schema),
        message(&trouble.statement.trim_end().replace('\n', "\n  ")),
        message(&hidden(&trouble.error))
    );
    if shown.is_err() {
        return Answer::Stop;
    }
    loop {
        let Some(word) = read(input, out, "[a]gain, [s]kip it, [r]eplace it by other SQL, or stop [q]? ") else {
            return Answer::Stop;
        };
        match word.to_ascii_lowercase().as_str() {
            "a" | "again" => return Answer::Again,
            "s" | "skip" => return Answer::Skip,
            "q" | "stop" | "quit" => return Answer::Stop,
            "r" | "replace" => match read(input, out, "SQL to run instead, on one line (empty: back): ") {
                Some(sql) if !sql.is_empty() => return Answer::Replace(sql),
                Some(_) => {}
                None => return Answer::Stop,
            },
            _ => {}
        }
    }
}

/// One line without the space around it; `None` at the end.
fn read(input: &mut dyn BufRead, out: &mut dyn Write, prompt: &str) -> Option<String> {
    write!(out, "{prompt}").and_then(|()| out.flush()).ok()?;
    let mut line = String::new();
    match input.read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CommitTs;

    fn answer(typed: &str) -> (Answer, String) {
        let trouble = DdlTrouble {
            commit_ts: CommitTs(420_747_102_018_863_124),
            schema: "shop".to_owned(),
            statement: "ALTER TABLE `t` ADD COLUMN `v` VECTOR".to_owned(),
            error: "the target refused: error 4161".to_owned(),
        };
        let mut out = Vec::new();
        let answer = ask("A→B: ", &trouble, &mut typed.as_bytes(), &mut out);
        (answer, String::from_utf8(out).unwrap())
    }

    #[test]
    fn each_answer() {
        assert_eq!(answer("a\n").0, Answer::Again);
        assert_eq!(answer("what?\n\nSKIP\n").0, Answer::Skip);
        assert_eq!(answer("q").0, Answer::Stop);
        assert_eq!(answer("").0, Answer::Stop, "the end of the input");
        assert_eq!(answer("r\n").0, Answer::Stop);
        assert_eq!(
            answer("r\n  \nr\n ALTER TABLE t ADD v BLOB \n").0,
            Answer::Replace("ALTER TABLE t ADD v BLOB".to_owned())
        );
        let (_, shown) = answer("q\n");
        for part in
            ["\nA→B: This DDL", "420747102018863124", "`shop`", "ADD COLUMN `v` VECTOR", "error 4161", "[r]eplace"]
        {
            assert!(shown.contains(part), "{shown}");
        }
    }
}
