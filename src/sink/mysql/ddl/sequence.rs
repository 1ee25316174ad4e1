//! DDL about sequences that does not say so, RENAME TABLE above all, for a target that has none.

use super::form::{Form, Name};
use super::picture::same_name;
use crate::model::Ddl;
use crate::sql::{Token, Words};

/// What is left of a statement without the sequences in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// `None` if it is about nothing else.
    pub sql: Option<String>,
    /// The sequences, by their names before it.
    pub without: Vec<Name>,
}

/// `ddl` without its sequences; `None` if it has none, or says itself that it is about one.
pub(super) fn without(ddl: &Ddl) -> Option<Left> {
    let is = |a: &Name, b: &Name| same_name(&a.schema, &b.schema) && same_name(&a.name, &b.name);
    let all = ddl.sequences.iter().map(|(schema, name)| Name { schema: schema.clone(), name: name.clone() });
    let without: Vec<Name> = all.collect();
    let pairs = match Form::of(&ddl.query, &ddl.schema) {
        Form::Rename(pairs) if !without.is_empty() => pairs,
        Form::Alter { name, .. } if without.iter().any(|s| is(s, &name)) => return Some(Left { sql: None, without }),
        _ => return None,
    };
    // A name may be a sequence's first and a table's afterwards.
    let (mut now, mut kept) = (without.clone(), Vec::new());
    for (from, to) in pairs {
        match now.iter_mut().find(|s| is(s, &from)) {
            Some(sequence) => *sequence = to,
            None => kept.push(format!("{from} TO {to}")),
        }
    }
    let sql = (!kept.is_empty()).then(|| format!("RENAME TABLE {}", kept.join(", ")));
    Some(Left { sql, without })
}

/// The number of the option at `at` of a sequence, and where it stands.
pub(super) fn number(words: &Words<'_>, at: usize) -> Option<(i128, std::ops::Range<usize>)> {
    let behind = if words.is_any(at + 1, &["BY", "WITH"]) || words.sign(at + 1, '=') { at + 2 } else { at + 1 };
    let negative = words.sign(behind, '-');
    let digits = if negative { behind + 1 } else { behind };
    let Some(Token::Word(text)) = words.token(digits) else { return None };
    let number: i128 = text.parse().ok()?;
    Some((if negative { -number } else { number }, behind..digits + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(sql: &str, sequences: &[&str]) -> Option<Option<String>> {
        let sequences = sequences.iter().map(|name| ("d".to_owned(), (*name).to_owned())).collect();
        let ddl = Ddl { query: sql.to_owned(), schema: "d".to_owned(), sequences, ..Ddl::default() };
        without(&ddl).map(|left| left.sql)
    }

    #[test]
    fn moves_of_sequences_go() {
        assert_eq!(left("RENAME TABLE a TO b", &[]), None);
        assert_eq!(left("DROP SEQUENCE s", &["s"]), None);
        assert_eq!(left("RENAME TABLE S TO t", &["s"]), Some(None));
        assert_eq!(left("ALTER TABLE s RENAME TO t", &["s"]), Some(None));
        assert_eq!(left("ALTER TABLE s COMMENT = 'x'", &["s"]), Some(None));
        let some = |sql: &str| Some(Some(sql.to_owned()));
        assert_eq!(
            left("RENAME TABLE s TO x, t TO s, x TO e.y, s TO u", &["s"]),
            some("RENAME TABLE `d`.`t` TO `d`.`s`, `d`.`s` TO `d`.`u`")
        );
    }
}
