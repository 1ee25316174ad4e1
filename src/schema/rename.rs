//! Names out of statements that move tables: RENAME TABLE, ALTER TABLE ... RENAME and EXCHANGE PARTITION.

use super::lex::{Token, tokens};

/// A table's name as a statement gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// The database, if it was written.
    pub schema: Option<String>,
    /// The table.
    pub table: String,
}

/// The pairs (old, new) of a statement that renames tables; `None` if it is none, or more than that.
pub(super) fn renames(sql: &str) -> Option<Vec<(Named, Named)>> {
    let mut words = Reader::new(sql);
    let mut pairs = Vec::new();
    if words.take("RENAME") {
        if !words.take("TABLE") {
            words.take("TABLES").then_some(())?;
        }
        loop {
            let old = words.name()?;
            words.take("TO").then_some(())?;
            pairs.push((old, words.name()?));
            if !words.mark(',') {
                break;
            }
        }
    } else {
        let old = altered(&mut words)?;
        words.take("RENAME").then_some(())?;
        // All three are optional.
        let _ = words.take("TO") || words.take("AS") || words.mark('=');
        pairs.push((old, words.name()?));
    }
    words.mark(';');
    words.at_end().then_some(pairs)
}

/// The two tables of ALTER TABLE a EXCHANGE PARTITION p WITH TABLE b.
pub(super) fn exchanged(sql: &str) -> Option<(Named, Named)> {
    let mut words = Reader::new(sql);
    let partitioned = altered(&mut words)?;
    (words.take("EXCHANGE") && words.take("PARTITION")).then_some(())?;
    words.name()?;
    (words.take("WITH") && words.take("TABLE")).then_some(())?;
    Some((partitioned, words.name()?))
}

/// Whether a DROP names more than one object: TiDB then writes the whole statement once for each of them.
pub(super) fn drops_several(sql: &str) -> bool {
    let tokens = tokens(sql);
    tokens.first().is_some_and(|t| t.is("DROP")) && tokens.contains(&Token::Mark(','))
}

fn altered(words: &mut Reader) -> Option<Named> {
    words.take("ALTER").then_some(())?;
    words.take("IGNORE");
    words.take("TABLE").then_some(())?;
    if words.take("IF") {
        words.take("EXISTS").then_some(())?;
    }
    words.name()
}

struct Reader {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

impl Reader {
    fn new(sql: &str) -> Self {
        Self { tokens: tokens(sql).into_iter().peekable() }
    }

    fn take(&mut self, keyword: &str) -> bool {
        self.tokens.next_if(|t| t.is(keyword)).is_some()
    }

    fn mark(&mut self, mark: char) -> bool {
        self.tokens.next_if(|t| *t == Token::Mark(mark)).is_some()
    }

    fn at_end(&mut self) -> bool {
        self.tokens.peek().is_none()
    }

    fn name(&mut self) -> Option<Named> {
        let first = self.tokens.next()?.name()?.to_owned();
        if !self.mark('.') {
            return Some(Named { schema: None, table: first });
        }
        Some(Named { schema: Some(first), table: self.tokens.next()?.name()?.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Named {
        match text.split_once('.') {
            Some((schema, table)) => Named { schema: Some(schema.to_owned()), table: table.to_owned() },
            None => Named { schema: None, table: text.to_owned() },
        }
    }

    #[test]
    fn pairs_of_every_form() {
        let pairs = |list: &[(&str, &str)]| Some(list.iter().map(|(a, b)| (named(a), named(b))).collect::<Vec<_>>());
        assert_eq!(renames("RENAME TABLE `t` TO `u`, `d`.`u` TO e.`v`;"), pairs(&[("t", "u"), ("d.u", "e.v")]));
        assert_eq!(renames("alter table t rename to d.u"), pairs(&[("t", "d.u")]));
        assert_eq!(renames("ALTER TABLE `d`.`t` RENAME AS `u`;"), pairs(&[("d.t", "u")]));
        assert_eq!(renames("alter table t rename u"), pairs(&[("t", "u")]));
        assert_eq!(renames("alter table `to` rename `to`"), pairs(&[("to", "to")]));
        assert_eq!(renames("ALTER TABLE t RENAME INDEX a TO b"), None);
        assert_eq!(renames("alter table t rename to u, add column c int"), None);
        assert_eq!(renames("create table t (a int)"), None);
    }

    #[test]
    fn exchange_and_drops() {
        let two = exchanged("ALTER TABLE `d`.`p` EXCHANGE PARTITION `p0` WITH TABLE `t` WITHOUT VALIDATION;");
        assert_eq!(two, Some((named("d.p"), named("t"))));
        assert!(drops_several("DROP TABLE IF EXISTS `a`,`b`;"));
        assert!(!drops_several("DROP TABLE `a,b`;"));
    }
}
