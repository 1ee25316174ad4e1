//! Tests of the interview, with answers from a list.

use std::collections::VecDeque;

use anyhow::bail;

use super::*;
use crate::error::{Kind, fault};

#[derive(Default)]
struct Listed {
    attended: bool,
    answers: VecDeque<&'static str>,
    shown: Vec<String>,
}

impl Listed {
    fn with(answers: &[&'static str]) -> Self {
        Self { attended: true, answers: answers.iter().copied().collect(), shown: Vec::new() }
    }

    fn next(&mut self, question: &str) -> Result<String> {
        self.shown.push(question.to_owned());
        self.answers.pop_front().map(str::to_owned).context("the terminal is gone")
    }
}

impl Asker for Listed {
    fn attended(&self) -> bool {
        self.attended
    }

    fn text(&mut self, question: &str, default: Option<&str>) -> Result<String> {
        let typed = self.next(question)?;
        Ok(if typed.is_empty() { default.unwrap_or_default().to_owned() } else { typed })
    }

    fn choose(&mut self, question: &str, _: &[&str], _: usize) -> Result<usize> {
        Ok(self.next(question)?.parse()?)
    }

    fn agree(&mut self, question: &str, _: bool) -> Result<bool> {
        Ok(self.next(question)? == "y")
    }

    fn secret(&mut self, question: &str) -> Result<Secret> {
        self.next(question).map(Secret::new)
    }

    fn found(&mut self, text: &str) {
        self.shown.push(text.to_owned());
    }

    fn warn(&mut self, text: &str) {
        self.shown.push(text.to_owned());
    }

    fn wrong(&mut self, error: &anyhow::Error) {
        self.shown.push(format!("wrong: {error:#}"));
    }
}

const WHERE: Question<'_> = Question { flag: "--to", text: "Where?", default: Some("here") };

/// Accepts only `good`.
fn good(interview: &mut Interview<'_>, given: Option<&str>) -> Result<String> {
    interview.until_good(|i| match i.text(WHERE, given)? {
        text if text == "good" => Ok(text),
        text => bail!("`{text}` is not good"),
    })
}

#[test]
fn a_wrong_flag_is_shown_and_then_asked() {
    let mut listed = Listed::with(&["", "bad", " good "]);
    assert_eq!(good(&mut Interview::new(&mut listed, false), Some("flag")).unwrap(), "good");
    let shown =
        ["wrong: `flag` is not good", "Where?", "wrong: `here` is not good", "Where?", "wrong: `bad` is not good"];
    assert_eq!(listed.shown[..5], shown);
}

#[test]
fn a_default_that_is_wrong_is_taken_once() {
    let mut listed = Listed::with(&["good"]);
    assert_eq!(good(&mut Interview::new(&mut listed, true), None).unwrap(), "good");
    assert_eq!(listed.shown, ["wrong: `here` is not good", "Where?"]);
}

#[test]
fn nobody_is_asked_where_nobody_is() {
    let mut nobody = Listed::default();
    let mut interview = Interview::new(&mut nobody, false);
    assert_eq!(good(&mut interview, Some("flag")).unwrap_err().to_string(), "`flag` is not good");
    assert_eq!(good(&mut interview, None).unwrap_err().to_string(), "`here` is not good");
    let error = interview.agree("--mark-setup", "Now?", true, None).unwrap_err();
    let found = fault(&error).unwrap();
    assert!(found.kind == Kind::Usage && found.message.contains("--mark-setup"), "{error:#}");
    assert!(interview.secret("--to-password-file", "Password").is_err());
    assert_eq!(nobody.shown, Vec::<String>::new());
}

#[test]
fn the_end_of_the_terminal_ends_it() {
    let mut listed = Listed::with(&["bad"]);
    let error = good(&mut Interview::new(&mut listed, false), None).unwrap_err();
    assert!(format!("{error:#}").contains("the terminal is gone"), "{error:#}");
    assert_eq!(listed.shown.len(), 3);
}

#[test]
fn a_question_in_a_step_that_is_good_again_has_its_flag() {
    let mut listed = Listed::with(&["y"]);
    let mut interview = Interview::new(&mut listed, false);
    let mut turn = 0;
    let step = |i: &mut Interview<'_>| {
        turn += 1;
        let first = i.agree("--force", "Over it?", false, Some(false))?;
        anyhow::ensure!(first, "not over it");
        Ok(turn)
    };
    assert_eq!(interview.until_good(step).unwrap(), 2);
    assert!(!interview.agree("--force", "Over it?", false, Some(false)).unwrap());
}
